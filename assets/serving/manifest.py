"""What a release says about itself: ``manifest.json``, and the typed objects around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from assets.serving.snapshot import ReleaseError

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class ReleaseMeta:
    """What the caller knows about a release.

    ``as_of`` maps a publish group to the last local date its complete figures speak for (None: nothing complete yet).
    ``fingerprint`` identifies the inputs and the code; ``created_at`` must carry a time zone.
    """

    as_of: Mapping[str, date | None]
    run_id: str
    fingerprint: str
    contract_version: str
    company: str
    created_at: datetime
    anew: bool = False


@dataclass(frozen=True)
class TableEntry:
    """One published table: rows, the group it belongs to, what its figures speak for and where they come from.

    ``row_sum`` is the sum behind ``content_hash``, kept so that the next release can add to it.
    """

    group: str
    rows: int
    as_of: str | None
    from_release: str
    content_hash: str
    row_sum: str
    parquet: str
    columns: list[dict[str, str]]


@dataclass(frozen=True)
class HeldBack:
    """A group that kept its former tables: ``from_release`` is where they come from, None when it never went out."""

    reasons: list[dict[str, str]]
    from_release: str | None
    as_of: str | None


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``. ``previous`` is the release that was current when this one was made."""

    release_id: str
    number: int
    previous: str | None
    created_at: str
    company: str
    run_id: str
    fingerprint: str
    contract_version: str
    engine: str
    as_of: dict[str, str | None]
    tables: dict[str, TableEntry]
    held_back: dict[str, HeldBack]
    checks: list[dict[str, Any]]
    files: dict[str, dict[str, Any]]
    manifest_version: int = field(default=MANIFEST_VERSION)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Release:
    """One release on disk."""

    id: str
    path: Path
    manifest: Manifest


def utc_text(moment: datetime) -> str:
    """ISO text in UTC. Raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("created_at must carry a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release folder. Raises ReleaseError when it is missing or not readable."""
    path = folder / MANIFEST
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        tables = {name: TableEntry(**entry) for name, entry in raw.pop("tables").items()}
        held_back = {name: HeldBack(**entry) for name, entry in raw.pop("held_back").items()}
        return Manifest(**raw, tables=tables, held_back=held_back)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path} is not a readable manifest; roll back or publish again") from error
