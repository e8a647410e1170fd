"""Reads a member's lines as bytes, in bounded chunks, and trusts nothing: sizes, checksums and ratios are verified."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, cast

from assets.amplitude.archive import Member
from assets.errors import InputError

_zlib: Any  # ISA-L inflates several times faster, by the same interface
try:
    from isal import isal_zlib

    _zlib = isal_zlib
except ImportError:
    _zlib = zlib

# Bounded steps keep bombs out of memory; at these sizes no step pays for fresh pages of memory.
_CHUNK, _MOST = 32 * 1024, 128 * 1024
# Honest events shrink 5 to 60 times; more than this, beyond the first bytes, is a bomb.
_BOMB_RATIO, _BOMB_FLOOR = 250, 64 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_GZIP, _RAW = 31, -15
_ERRORS: Any = (zlib.error, _zlib.error)


class MemberError(Exception):
    """A member that cannot be used as a whole: ``reason`` is its quarantine code."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


def lines_of(member: Member) -> Iterator[bytes]:
    """The member's JSON lines in chunks (cut anywhere). Raises MemberError, possibly after some chunks."""
    if member.problem:
        raise MemberError(member.problem, "not read, as listed in its archive")
    inflater, taken, given = _zlib.decompressobj(_GZIP), 0, 0
    for block in _gzip_bytes(member):
        taken += len(block)
        while block:
            if inflater.eof:  # gzip files may be joined end to end
                inflater = _zlib.decompressobj(_GZIP)
            chunk = _step(inflater, block)
            given += len(chunk)
            if given > _BOMB_FLOOR and given > taken * _BOMB_RATIO:
                raise MemberError("decompression_bomb", f"more than {_BOMB_RATIO} times its {taken} packed bytes")
            if chunk:
                yield chunk
            block = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while not inflater.eof:  # the limit of the last step may have held back some output
        chunk = _step(inflater, b"")
        if not chunk and not inflater.eof:
            raise MemberError("corrupt_gzip", "the compressed data ends too early")
        yield chunk


def _step(inflater: Any, block: bytes) -> bytes:
    try:
        return cast("bytes", inflater.decompress(block, _MOST))
    except _ERRORS as error:
        raise MemberError("corrupt_gzip", str(error)) from error


def _gzip_bytes(member: Member) -> Iterator[bytes]:
    """The bytes of the gzip file itself, verified against size and CRC-32 of the archive."""
    crc = size = 0
    for block in _unzipped(member):
        size += len(block)
        if size > member.size:
            raise MemberError("corrupt_member", "longer than its archive says")
        crc = _zlib.crc32(block, crc)
        yield block
    if size != member.size or crc != member.crc:
        raise MemberError("corrupt_member", "size or CRC-32 is not what its archive says")


def _unzipped(member: Member) -> Iterator[bytes]:
    if member.method <= 0:  # stored in a zip, or loose
        yield from _packed_bytes(member)
        return
    inflater: Any = _zlib.decompressobj(_RAW)
    for block in _packed_bytes(member):
        try:
            while block:
                chunk = inflater.decompress(block, _MOST)
                if chunk:
                    yield chunk
                block = inflater.unconsumed_tail
        except _ERRORS as error:
            raise MemberError("corrupt_member", str(error)) from error
    yield inflater.flush()


def _opened(member: Member) -> RawIOBase:
    try:
        return Path(member.archive).open("rb", buffering=0)
    except OSError as error:
        raise InputError(
            f"the archive cannot be opened any more: {error.strerror}",
            where=member.archive,
            mend="put it back, or refresh again to land what is there now",
        ) from error


def _packed_bytes(member: Member) -> Iterator[bytes]:
    with _opened(member) as stream:
        if member.method >= 0:
            stream.seek(member.offset)
            header = stream.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
                raise MemberError("corrupt_member", "no local header where the archive's directory points")
            *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            stream.seek(name_length + extra_length, 1)
        left = member.packed
        while left > 0:
            block = stream.read(min(_CHUNK, left))
            if not block:
                raise MemberError("corrupt_member", "the archive ends too early")
            left -= len(block)
            yield block
