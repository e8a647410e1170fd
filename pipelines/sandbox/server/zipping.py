"""The zip of an export, sent as it is read: its length is known before its first byte, and no memory holds it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.sandbox.server.store import Part, hour_start

BLOCK = 1 << 20
_DATE_1980 = 0x21  # 1 January 1980: what a zip says of its members must not depend on the clock
_UTF8 = 0x800
# The plain format of zip ends here; Amplitude's own limit of an export, 4 GB, is the same number
MAX_BYTES, MAX_MEMBERS = (1 << 32) - 1, (1 << 16) - 1


@dataclass(frozen=True)
class Body:
    """What an answer carries: pieces of bytes and files, how long they are together, and where damage would tell."""

    pieces: tuple[bytes | Part, ...]
    length: int
    weak_spot: int

    @classmethod
    def of(cls, content: bytes) -> Body:
        """A body that is held in memory."""
        return cls((content,), len(content), len(content) // 2)

    def blocks(self, limit: int | None = None, damaged: bool = False) -> Iterator[bytes]:
        """The bytes up to ``limit``; ``damaged``: with one byte inside a member turned."""
        position, end = 0, self.length if limit is None else limit
        for block in self._all():
            block = block[: end - position]
            if damaged and position <= self.weak_spot < position + len(block):
                at = self.weak_spot - position
                block = block[:at] + bytes([block[at] ^ 0xFF]) + block[at + 1 :]
            if block:
                yield block
            position += len(block)
            if position >= end:
                return

    def _all(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from _read(piece.path)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def zip_of(parts: list[Part], project: int) -> Body:
    """A zip with one stored member per part; equal parts give equal bytes."""
    pieces: list[bytes | Part] = []
    directory: list[bytes] = []
    offset, spots = 0, []
    for part in parts:
        name = member_name(part, project).encode()
        fixed = struct.pack("<HHHHHIIIHH", 20, _UTF8, 0, 0, _DATE_1980, part.crc, part.bytes, part.bytes, len(name), 0)
        header = b"PK\x03\x04" + fixed + name
        directory.append(
            b"PK\x01\x02"
            + struct.pack("<H", 0x0314)
            + fixed
            + struct.pack("<HHHII", 0, 0, 0, 0o644 << 16, offset)
            + name
        )
        spots.append(offset + len(header) + part.bytes // 2)
        offset += len(header) + part.bytes
        pieces += [header, part]
    listing = b"".join(directory)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(parts), len(parts), len(listing), offset, 0)
    return Body((*pieces, listing + end), offset + len(listing) + len(end), spots[len(spots) // 2])


def member_name(part: Part, project: int) -> str:
    """``<project>/<project>_<yyyy-MM-dd>_<H>#<part>.json.gz``; H is not zero-padded."""
    start = hour_start(part.hour)
    return f"{project}/{project}_{start:%Y-%m-%d}_{start.hour}#{part.part}.json.gz"
