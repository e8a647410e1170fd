"""Members' lines gathered into temporary files of bounded size, with a note of which line came from where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path

from assets.amplitude.archive import Member
from assets.amplitude.inflate import MemberError, lines_of
from assets.amplitude.key_sample import KeySampler

# Bounds disk and memory of one worker: about 130,000 events of a usual size.
SPOOL_BYTES = 256 << 20
LONGEST_LINE = 32 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass
class Span:
    """Consecutive lines of one member; ``first_line`` counts from 1 within the member."""

    member: Member
    first_line: int
    lines: int = 0

    @property
    def hour(self) -> int:
        if self.member.hour is None:
            raise ValueError(f"{self.member.name} has no upload hour")
        return self.member.hour


@dataclass
class Spool:
    """A file of JSON lines and the spans it consists of, in order."""

    path: Path
    spans: list[Span] = field(default_factory=list)
    size: int = 0

    @property
    def lines(self) -> int:
        return sum(span.lines for span in self.spans)

    def hours(self) -> list[tuple[int, int]]:
        """(upload hour, number of lines), in line order, neighbours joined."""
        counts: list[tuple[int, int]] = []
        for span in self.spans:
            if counts and counts[-1][0] == span.hour:
                counts[-1] = (span.hour, counts[-1][1] + span.lines)
            else:
                counts.append((span.hour, span.lines))
        return [(hour, lines) for hour, lines in counts if lines]


class BrokenLater(Exception):
    """A member turned out broken after a part of it went into a spool that was already handed out."""

    def __init__(self, member: Member, error: MemberError) -> None:
        self.member, self.error = member, error
        super().__init__(str(error))


class Spooler:
    """Fills one spool after the other; a spool is valid until the next one is asked for.

    The file is written over and over: its pages in memory are used again, which fresh files would have to be given.
    ``broken`` maps members that cannot be used to why. A member is in the spools as a whole or not at all.
    ``keys`` is shown the beginning of each.
    """

    def __init__(self, path: Path, broken: dict[Member, MemberError], keys: KeySampler) -> None:
        self.path, self.broken, self.keys = path, broken, keys

    def fill(self, members: tuple[Member, ...]) -> Iterator[Spool]:
        spool = Spool(self.path)
        self.path.touch()
        stream = self.path.open("r+b", buffering=0)
        try:
            for member in members:
                if member in self.broken:
                    continue
                start, handed_out, is_start = spool.size, 0, True
                spool.spans.append(Span(member, 1))
                try:
                    for chunk in _whole_lines(member):
                        if is_start:
                            self.keys.look(member, chunk)
                            is_start = False
                        if spool.size and spool.size + len(chunk) > SPOOL_BYTES and (cut := chunk.rfind(b"\n") + 1):
                            _append(stream, spool, chunk[:cut])
                            stream.truncate(spool.size)
                            yield spool
                            handed_out += 1
                            last = spool.spans[-1]
                            spool = Spool(self.path, [Span(member, last.first_line + last.lines)])
                            stream.seek(0)
                            chunk = chunk[cut:]
                        _append(stream, spool, chunk)
                except MemberError as error:
                    if handed_out:
                        raise BrokenLater(member, error) from error
                    self.broken[member] = error
                    stream.seek(start)
                    spool.size = start
                    spool.spans.pop()
            if spool.lines:
                stream.truncate(spool.size)
                yield spool
        finally:
            stream.close()


def _append(stream: RawIOBase, spool: Spool, chunk: bytes) -> None:
    stream.write(chunk)
    spool.size += len(chunk)
    spool.spans[-1].lines += chunk.count(b"\n")


def _whole_lines(member: Member) -> Iterator[bytes]:
    """The member's chunks without a byte order mark, the last line ended, no line beyond the limit."""
    head, open_bytes, last = b"", 0, b"\n"
    is_start = True
    for chunk in lines_of(member):
        if is_start:
            head += chunk
            if len(head) < len(_BOM):
                continue
            chunk, is_start = head.removeprefix(_BOM), False
            if not chunk:
                continue
        newline = chunk.rfind(b"\n")
        open_bytes = open_bytes + len(chunk) if newline < 0 else len(chunk) - newline - 1
        if open_bytes > LONGEST_LINE:
            raise MemberError("line_too_long", f"a line of more than {LONGEST_LINE >> 20} MB")
        last = chunk[-1:]
        yield chunk
    if is_start and head:
        last = head[-1:]
        yield head
    if last != b"\n":
        yield b"\n"
