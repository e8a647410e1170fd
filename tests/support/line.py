"""The whole line in this process, as `lens refresh` runs it, into any LENS_HOME."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from assets.company.load import load_company
from assets.home import Home
from assets.serving.manifest import Manifest
from assets.serving.release import current
from pipelines.assembly import build_definitions, pending_days
from pipelines.jobs import REFRESH, range_tags, refresh_config
from pipelines.run import Outcome, run_job
from pipelines.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


def settings_for(home: Path, company: Path) -> Settings:
    """Settings of one test: nothing of this process's own environment."""
    return load_settings({"LENS_HOME": str(home), "LENS_COMPANY": str(company)})


def refresh(home: Path, company: Path, until: str | None = None) -> Outcome:
    """One refresh, with its Dagster run recorded in the home. Raises InputError like the command line does."""
    settings = settings_for(home, company)
    defs = build_definitions(settings)
    last = None if until is None else date.fromisoformat(until)
    first_day, last_day = pending_days(settings, load_company(company), last)
    tags = range_tags(str(first_day), str(last_day))
    return run_job(settings.home, defs.resolve_job_def(REFRESH), refresh_config(until, quiet=True), tags)


def manifest(home: Path) -> Manifest:
    """The manifest of the release that readers see."""
    release = current(Home(home))
    assert release is not None, "nothing was released"
    return release.manifest


def hashes(home: Path, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Mart → content hash (row order and run metadata do not count)."""
    return {name: table.content_hash for name, table in manifest(home).tables.items() if name not in without}


@contextmanager
def released(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, as a BI tool opens it."""
    with duckdb.connect(str(home / "serving" / "current" / "product_lens.duckdb"), read_only=True) as con:
        yield con


def lens(*arguments: str, home: Path, company: Path | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """`lens` in a process of its own, without this process's switches."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LENS_", "DAGSTER_"))}
    env |= {"LENS_HOME": str(home), "COLUMNS": "160"}
    if company is not None:
        env["LENS_COMPANY"] = str(company)
    return subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", *arguments],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False, **more,
    )  # fmt: skip
