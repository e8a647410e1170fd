"""Where things are on disk: the layout of ``LENS_HOME``, spelled once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """One installation's folder. Everything below it can be deleted but ``lake/``, ``board/`` and ``serving/``:
    the warehouse is rebuilt from the lake."""

    root: Path

    @classmethod
    def from_env(cls) -> Home:
        """The folder named by ``LENS_HOME``, else ``.lens`` in the current folder."""
        return cls(Path(os.environ.get("LENS_HOME") or ".lens").expanduser().resolve())

    @property
    def lake(self) -> Path:
        """Parquet by source: what was extracted, immutable and ledgered."""
        return self.root / "lake"

    @property
    def amplitude_lake(self) -> Path:
        return self.lake / "amplitude"

    @property
    def finance_lake(self) -> Path:
        return self.lake / "finance"

    @property
    def ledger(self) -> Path:
        """SQLite file that knows the state of every upload hour."""
        return self.amplitude_lake / "ledger.sqlite"

    @property
    def warehouse(self) -> Path:
        """The build warehouse: only the pipeline opens it."""
        return self.root / "warehouse.duckdb"

    @property
    def serving(self) -> Path:
        return self.root / "serving"

    @property
    def releases(self) -> Path:
        return self.serving / "releases"

    @property
    def current(self) -> Path:
        """Link to the newest good release: what BI tools read."""
        return self.serving / "current"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def dbt_target(self) -> Path:
        return self.root / "dbt"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def sandbox(self) -> Path:
        """Generated sandbox companies."""
        return self.root / "sandbox"

    @property
    def refresh_lock(self) -> Path:
        return self.root / "refresh.lock"
