"""A downloaded archive: what it is called while it grows, and whether it is whole."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Download:
    """A whole, verified zip in its final place."""

    path: Path
    sha256: str
    bytes: int


def part_of(target: Path) -> Path:
    """Where a download grows: hidden, and no zip by name, so that no landing takes it for one."""
    return target.with_name(f".{target.name}.part")


def damage(path: Path) -> str | None:
    """What is wrong with a zip: its directory and the checksum of every member, read once; None when it is whole.

    Members in a form that landing refuses by itself (encrypted, unknown compression) are left to landing's report.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.flag_bits & 0x1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    continue
                with archive.open(entry) as member:
                    while member.read(1 << 20):
                        pass
    except _UNREADABLE as error:
        return str(error) or type(error).__name__
    return None
