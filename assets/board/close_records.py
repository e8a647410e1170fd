"""The lake of closed months: one folder a record, append-only, sealed, verified whenever it is read.

``lake/closes/<YYYY-MM>/<nnn>/`` holds ``close.json`` and, for a close, the frozen figures as Parquet. ``nnn`` counts
the records of a month, closes and reopenings alike. Each record carries the seal of the record made before it, whatever
its month, so that one that was changed or taken away is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from assets.durable import sha256_of, sync
from assets.errors import InputError
from assets.home import Home

FACTS = "close.json"
_MONTH, _NUMBER = re.compile(r"\d{4}-\d{2}"), re.compile(r"\d{3,}")
_TEMPORARY = ".closing-"


@dataclass(frozen=True)
class FrozenFile:
    """One file of frozen figures: its SHA-256, bytes and rows."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Record:
    """One closing or reopening of a month.

    ``number`` counts the records of the month, ``sequence`` all records; ``closed_at`` is UTC, ISO text. What a
    reopening does not freeze (release, hashes, currency, files) is null or empty there. ``previous`` is the seal of
    the record before, ``seal`` the SHA-256 of everything else in close.json.
    """

    month: str
    number: int
    sequence: int
    kind: Literal["close", "reopen"]
    why: str | None
    closed_at: str
    run_id: str
    release_id: str | None
    reporting_currency: str | None
    source_hash: str | None
    policy_hash: str | None
    definition_hash: str | None
    files: Mapping[str, FrozenFile]
    previous: str | None
    seal: str
    folder: Path

    @property
    def month_start(self) -> date:
        return month_of(self.month)

    @property
    def moment(self) -> datetime:
        """``closed_at`` as a moment without zone, in UTC, as tables hold it."""
        return datetime.fromisoformat(self.closed_at.removesuffix("Z"))

    def file(self, name: str) -> Path | None:
        """The Parquet file of that name, None when the record froze none."""
        return self.folder / f"{name}.parquet" if f"{name}.parquet" in self.files else None


def month_of(text: str) -> date:
    """First day of a month written as YYYY-MM. Raises InputError for anything else."""
    try:
        if not _MONTH.fullmatch(text):
            raise ValueError
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        mend = "write it as YYYY-MM, e.g. 2026-10"
        raise InputError(f"'{text}' is not a month", where="lens close", mend=mend) from error


def closes_root(home: Home) -> Path:
    return home.lake / "closes"


def records(home: Home) -> list[Record]:
    """All records in the order they were made, their seals verified. Raises InputError for a damaged one."""
    root = closes_root(home)
    months = sorted(path for path in root.iterdir() if _MONTH.fullmatch(path.name)) if root.is_dir() else []
    found = [_read(folder) for month in months for folder in _numbered(month)]
    found.sort(key=lambda record: record.sequence)
    previous: str | None = None
    for position, record in enumerate(found, start=1):
        if record.sequence != position or record.previous != previous:
            raise _damaged(f"closing record {position} is missing or was replaced", record.folder.parent.parent)
        previous = record.seal
    return found


def in_force(found: Sequence[Record]) -> dict[str, Record]:
    """Month → the close that stands for it: its last record, unless that is a reopening."""
    last = {record.month: record for record in found}
    return {month: record for month, record in sorted(last.items()) if record.kind == "close"}


def token(found: Sequence[Record]) -> str:
    """What the closes add to the fingerprint of a refresh. Empty without any."""
    return found[-1].seal if found else ""


def verify_files(record: Record) -> None:
    """Raises InputError unless every frozen file of the record is there, byte for byte."""
    for name, frozen in record.files.items():
        path = record.folder / name
        if not path.is_file():
            raise _damaged(f"a frozen file of closed month {record.month} is missing", path)
        if sha256_of(path) != frozen.sha256:
            raise _damaged(f"a frozen file of closed month {record.month} is not what was closed", path)


def append(home: Home, facts: Mapping[str, Any], freeze: Callable[[Path, int], Mapping[str, int]]) -> Record:
    """Add one record; the folder is there as a whole or not at all.

    ``facts`` are the fields of ``Record`` that the caller knows. ``freeze(folder, number)`` writes the files and
    returns file name → rows.
    """
    root, found = closes_root(home), records(home)
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover)  # of a closing that was killed: never renamed, so never read
    month = root / str(facts["month"])
    number = 1 + sum(record.month == facts["month"] for record in found)
    temporary = root / f"{_TEMPORARY}{os.getpid()}"
    temporary.mkdir()
    rows = freeze(temporary, number)
    files = {
        name: asdict(FrozenFile(sha256_of(temporary / name), (temporary / name).stat().st_size, count))
        for name, count in sorted(rows.items())
    }
    document = {
        "release_id": None, "reporting_currency": None, "source_hash": None, "policy_hash": None,
        "definition_hash": None, **facts, "number": number, "sequence": len(found) + 1, "files": files,
        "previous": found[-1].seal if found else None,
    }  # fmt: skip
    document["seal"] = _seal(document)
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (temporary / FACTS).write_text(text, encoding="utf-8")
    for path in temporary.iterdir():
        sync(path)
        path.chmod(0o444)
    sync(temporary)
    month.mkdir(exist_ok=True)
    folder = month / f"{number:03d}"
    temporary.rename(folder)
    sync(month)
    sync(root)
    return _read(folder)


def _numbered(month: Path) -> list[Path]:
    folders = sorted((p for p in month.iterdir() if _NUMBER.fullmatch(p.name)), key=lambda path: int(path.name))
    for position, folder in enumerate(folders, start=1):
        if int(folder.name) != position:
            raise _damaged(f"record {position:03d} of closed month {month.name} is missing", month)
    return folders


def _read(folder: Path) -> Record:
    path = folder / FACTS
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["seal"] != _seal(document):
            raise _damaged("a closing record is not what was written", path)
        files = {name: FrozenFile(**frozen) for name, frozen in document["files"].items()}
        record = Record(**(document | {"files": files}), folder=folder)
        at_home = (record.month, record.number) == (folder.parent.name, int(folder.name))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged("a closing record cannot be read", path) from error
    if not at_home:
        raise _damaged(f"this is closing record {record.number} of {record.month}: it was moved", folder)
    return record


def _seal(document: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in document.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _damaged(what: str, where: Path) -> InputError:
    return InputError(
        what,
        where=str(where),
        mend="restore lake/closes from a backup of LENS_HOME: what was reported cannot be made again",
    )
