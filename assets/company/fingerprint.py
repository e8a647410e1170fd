"""Whether there is anything new: one hash over everything that a refresh reads.

It looks at names, sizes and times of the (large) event files and at the bytes of the (small) rest, so that asking
costs milliseconds. Equal fingerprints mean that a refresh would publish the same marts again.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

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


def refresh_fingerprint(company: str, code: str, until: date | None) -> str:
    """What one refresh would read and compute, as one hash."""
    return hashlib.sha256(f"{company}|{code}|{until}".encode()).hexdigest()
