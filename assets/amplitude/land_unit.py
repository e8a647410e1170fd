"""Lands one unit (whole hours of a day) into Parquet files that the ledger does not name yet. Runs in a worker."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from assets.amplitude.archive import Member, hour_start
from assets.amplitude.convert import Converter, Piece, Unreadable, drop_same_uuid, make_durable
from assets.amplitude.inflate import MemberError
from assets.amplitude.planning import Unit
from assets.amplitude.salvage import BadLine, salvage
from assets.amplitude.spool import BrokenLater, Spooler


@dataclass
class HourLanding:
    """What one upload hour was landed from, and what became of its lines."""

    hour: int
    members: list[Member]
    broken: list[Member]
    records: int = 0
    lake_rows: int = 0
    same_uuid: int = 0
    quarantined: int = 0

    @property
    def state(self) -> str:
        if not self.broken:
            return "loaded"
        return "failed" if len(self.broken) == len(self.members) else "partial"


@dataclass
class UnitLanding:
    """A landed unit: files in their final places, hours not yet switched to them."""

    unit: Unit
    pieces: list[Piece]
    hours: dict[int, HourLanding]
    quarantine: Path | None
    bad: list[BadLine] = field(repr=False)


def land_unit(converter: Converter, unit: Unit, lake: Path, promotion: str) -> UnitLanding:
    """Read, convert and move into place. Files are named after what they hold: landing again rewrites them."""
    scratch = converter.scratch / hashlib.sha256(repr(unit.hours).encode()).hexdigest()[:12]
    broken: dict[Member, MemberError] = {}
    while True:
        try:
            pieces, lines, bad = _convert_all(converter, unit, scratch, broken)
            break
        except BrokenLater as late:
            broken[late.member] = late.error
    pieces, same_uuid = drop_same_uuid(converter, pieces)
    bad += [
        BadLine(m.hour, Path(m.archive).name, m.path, None, error.reason, error.detail, None)
        for m, error in broken.items()
    ]
    final = _move(unit, pieces, lake, promotion)
    quarantine = _write_quarantine(converter, unit, bad, lake) if bad else None
    return UnitLanding(unit, final, _counted(unit, lines, same_uuid, bad, set(broken)), quarantine, bad)


def _convert_all(
    converter: Converter, unit: Unit, scratch: Path, broken: dict[Member, MemberError]
) -> tuple[list[Piece], Counter[int], list[BadLine]]:
    """Pieces in line order, good lines by hour, bad lines."""
    pieces: list[Piece] = []
    lines: Counter[int] = Counter()
    bad: list[BadLine] = []
    clean = scratch.with_suffix(".clean")
    for spool in Spooler(scratch.with_suffix(".ndjson"), broken).fill(unit.members):
        target = scratch.with_name(f"{scratch.name}-{len(pieces):04d}.parquet")
        try:
            pieces.append(converter.convert(spool, target))
        except Unreadable:
            spool, found = salvage(converter, spool, clean)
            bad += found
            if spool.lines:
                pieces.append(converter.convert(spool, target))
            clean.unlink()
        lines.update(dict(_by_hour(spool.hours())))
    return pieces, lines, bad


def _by_hour(counts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for hour, group in groupby(sorted(counts), key=lambda count: count[0]):
        yield hour, sum(lines for _, lines in group)


def content_digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _name(unit: Unit) -> str:
    return content_digest([[m.hour, *m.content, m.problem] for m in unit.members])[:12]


def lake_file(first_hour: int, digest: str, part: int = 0) -> str:
    """Place of an events file below the Amplitude lake."""
    start = hour_start(first_hour)
    return f"events/upload_day={start:%Y-%m-%d}/{start:%H}-{digest[:12]}-{part:04d}.parquet"


def _move(unit: Unit, pieces: list[Piece], lake: Path, promotion: str) -> list[Piece]:
    digest, moved = content_digest([_name(unit), promotion]), []
    for part, piece in enumerate(pieces):
        final = lake / lake_file(unit.hours[0], digest, part)
        make_durable(piece.path, final)
        moved.append(Piece(final, piece.facts))
    return moved


def _counted(
    unit: Unit, lines: Counter[int], same_uuid: dict[int, int], bad: list[BadLine], broken: set[Member]
) -> dict[int, HourLanding]:
    quarantined = Counter(line.hour for line in bad)
    hours = {}
    for hour in unit.hours:
        members = [member for member in unit.members if member.hour == hour]
        hours[hour] = HourLanding(
            hour,
            members,
            [member for member in members if member in broken],
            records=lines[hour] + quarantined[hour],
            lake_rows=lines[hour] - same_uuid.get(hour, 0),
            same_uuid=same_uuid.get(hour, 0),
            quarantined=quarantined[hour],
        )
    return hours


def _write_quarantine(converter: Converter, unit: Unit, bad: list[BadLine], lake: Path) -> Path:
    """One Parquet file of a unit's bad lines, kept whole, beside the events."""
    draft = converter.scratch / f"{_name(unit)}.quarantine.ndjson"
    with draft.open("w", encoding="utf-8") as out:
        for line in bad:
            out.write(json.dumps(line.__dict__) + "\n")
    target = draft.with_suffix(".parquet")
    columns = "{hour: BIGINT, archive: VARCHAR, member: VARCHAR, line: BIGINT, reason: VARCHAR, detail: VARCHAR, raw: VARCHAR}"
    source = f"read_json('{str(draft).replace(chr(39), chr(39) * 2)}', format = 'newline_delimited', columns = {columns}, maximum_object_size = 268435456)"
    converter.copy(f"SELECT * FROM {source}", target, 1 << 16)
    draft.unlink()
    final = lake / lake_file(unit.hours[0], _name(unit)).replace("events/", "quarantine/", 1)
    make_durable(target, final)
    return final
