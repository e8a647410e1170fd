"""Whether there is anything new: one hash over everything that a refresh reads.

It looks at names, sizes and times of the (large) event files and at the bytes of the (small) rest, so that asking
costs milliseconds. Equal fingerprints mean that a refresh would publish the same marts again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from assets.object_store import Store

EVENT_FOLDER_FILES = (".zip", ".gz")


def _digest_text(hasher: hashlib._Hash, root: Path, path: Path) -> None:
    hasher.update(str(path.relative_to(root)).encode())
    hasher.update(hashlib.sha256(path.read_bytes()).digest())


def company_fingerprint(folder: Path, events: Path | str | None) -> str:
    """Hash of a company folder: bytes of its tables and settings, listing of its event files (sha256, hex).

    ``events``: a folder, or the URL of a bucket, of which only the listing is asked for.
    Secrets (``.env``) are left out: they shape no number.
    """
    hasher = hashlib.sha256()
    events_root = events.resolve() if isinstance(events, Path) else None
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".env"):
        if events_root and path.resolve().is_relative_to(events_root):
            continue
        _digest_text(hasher, folder, path)
    if events_root and events_root.exists():
        for path in sorted(p for p in events_root.rglob("*") if p.is_file()):
            stat = path.stat()
            hasher.update(f"{path.relative_to(events_root)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    if isinstance(events, str):
        for found in Store(events).objects():
            hasher.update(f"{found.key!r}|{found.size}|{found.version}\n".encode())
    return hasher.hexdigest()


def code_fingerprint(roots: list[Path]) -> str:
    """Hash of the project's own code and models: a new version rebuilds what it may compute differently."""
    hasher = hashlib.sha256()
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix in {".py", ".sql", ".yml", ".md"} and "target" not in path.parts:
                _digest_text(hasher, root, path)
    return hasher.hexdigest()


def note_input(con: duckdb.DuckDBPyConnection, name: str, token: str) -> None:
    """Record in ``raw.refresh_inputs`` what a refresh read of one kind of input (company, export, finance, closes).
    Each kind is written by its own asset, in any order; an empty token says there is nothing of it."""
    con.execute("CREATE TABLE IF NOT EXISTS raw.refresh_inputs (name VARCHAR, token VARCHAR)")
    con.execute("DELETE FROM raw.refresh_inputs WHERE name = ?", [name])
    con.execute("INSERT INTO raw.refresh_inputs VALUES (?, ?)", [name, token])


def noted_inputs(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What the last refresh read, by kind of input."""
    return dict(con.execute("SELECT name, token FROM raw.refresh_inputs").fetchall())


def refresh_fingerprint(inputs: Mapping[str, str], code: str, until: date | None) -> str:
    """What one refresh would read and compute, as one hash. Kinds of input without a token do not count."""
    told = sorted(item for item in inputs.items() if item[1])
    return hashlib.sha256(f"{told}|{code}|{until}".encode()).hexdigest()
