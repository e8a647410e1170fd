"""Lands one unit of upload hours into Parquet files that the ledger does not name yet. Runs in a worker."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from assets.amplitude.archive import Member, hour_start
from assets.amplitude.convert import Converter, Piece, Unreadable, drop_erased, drop_same_uuid, make_durable
from assets.amplitude.inflate import MemberError
from assets.amplitude.key_sample import KeySample, KeySampler
from assets.amplitude.merges import HourFact, facts_of_events
from assets.amplitude.planning import Unit
from assets.amplitude.quarantine import BadLine, Quarantine
from assets.amplitude.salvage import salvage
from assets.amplitude.spool import BrokenLater, Spooler


@dataclass
class HourLanding:
    """What one upload hour was landed from, and what became of its lines."""

    hour: int
    members: list[Member]
    broken: list[Member]
    records: int
    lake_rows: int
    same_uuid: int
    quarantined: int
    keys: KeySample
    erased: int = 0

    @property
    def state(self) -> str:
        """``loaded`` when every file name has a readable content: a good copy mends a damaged one."""
        good = {member.name for member in self.members if member not in self.broken}
        if good == {member.name for member in self.members}:
            return "loaded"
        return "partial" if good else "failed"


@dataclass
class UnitLanding:
    """A landed unit: files in their final places, hours not yet switched to them."""

    unit: Unit
    pieces: list[Piece]
    hours: dict[int, HourLanding]
    quarantine: Path | None
    quarantined_hours: set[int]
    merges: list[HourFact]


def land_unit(converter: Converter, unit: Unit, lake: Path, promotion: str) -> UnitLanding:
    """Read, convert and move into place. Files are named after what they hold: landing again rewrites them."""
    scratch = converter.scratch / content_digest(unit.hours)[:12]
    quarantine = Quarantine(scratch.with_suffix(".quarantine"), converter.promotion.privacy.keeps_raw_lines)
    spool = converter.scratch / "spool.ndjson"
    broken: dict[Member, MemberError] = {}
    spares = list(unit.spares)
    keys = KeySampler()
    while True:
        try:
            pieces, lines = _convert_all(converter, unit, scratch, Spooler(spool, broken, keys), quarantine)
        except BrokenLater as late:
            broken[late.member] = late.error
        else:
            repaired = _repaired(unit, broken, spares)
            if repaired is unit:
                break
            unit = repaired
        quarantine.clear()
    pieces, same_uuid = drop_same_uuid(converter, pieces)
    pieces, erased = drop_erased(converter, pieces)
    for member, error in broken.items():
        if member.hour is not None:
            name = Path(member.archive).name
            quarantine.add(BadLine(member.hour, name, member.path, None, error.reason, error.detail, None))
    hours = _counted(unit, lines, same_uuid, erased, quarantine, set(broken), keys)
    final = _move(unit, pieces, lake, promotion)
    kept = _keep_quarantine(converter, unit, quarantine, lake) if quarantine.counts else None
    merges = facts_of_events(converter, [piece.path for piece in final])
    return UnitLanding(unit, final, hours, kept, set(quarantine.counts), merges)


def _repaired(unit: Unit, broken: dict[Member, MemberError], spares: list[Member]) -> Unit:
    """The unit with further copies in place of damaged ones, as far as there are any."""
    members = list(unit.members)
    for place, member in enumerate(members):
        copy = next((s for s in spares if (s.hour, s.content) == (member.hour, member.content)), None)
        if member in broken and copy:
            spares.remove(copy)
            members[place] = copy
            del broken[member]
    return unit if members == list(unit.members) else Unit(unit.hours, tuple(members))


def _convert_all(
    converter: Converter, unit: Unit, scratch: Path, spooler: Spooler, quarantine: Quarantine
) -> tuple[list[Piece], Counter[int]]:
    """Pieces in line order, and good lines by upload hour."""
    pieces: list[Piece] = []
    lines: Counter[int] = Counter()
    clean = scratch.with_suffix(".clean")
    for number, spool in enumerate(spooler.fill(unit.members)):
        target = scratch.with_name(f"{scratch.name}-{number:04d}.parquet")
        try:
            pieces += converter.convert(spool, target)
        except Unreadable:
            spool = salvage(converter, spool, clean, quarantine)
            if spool.lines:
                pieces += converter.convert(spool, target)
            clean.unlink()
        for hour, count in spool.hours():
            lines[hour] += count
    return pieces, lines


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
        final = lake / lake_file(min(piece.facts.hours), digest, part)
        make_durable(piece.path, final)
        moved.append(Piece(final, piece.facts))
    return moved


def _counted(
    unit: Unit,
    lines: Counter[int],
    same_uuid: dict[int, int],
    erased: dict[int, int],
    quarantine: Quarantine,
    broken: set[Member],
    keys: KeySampler,
) -> dict[int, HourLanding]:
    hours = {}
    for hour, group in groupby(unit.members, key=lambda member: member.hour):
        if hour is None:
            continue
        members, bad, left_out = list(group), quarantine.counts[hour], same_uuid.get(hour, 0)
        gone = erased.get(hour, 0)
        hours[hour] = HourLanding(
            hour, members, [member for member in members if member in broken],
            lines[hour] + bad, lines[hour] - left_out - gone, left_out, bad, keys.of(members), gone,
        )  # fmt: skip
    return hours


def _keep_quarantine(converter: Converter, unit: Unit, quarantine: Quarantine, lake: Path) -> Path:
    draft = converter.scratch / f"{_name(unit)}.quarantine.parquet"
    quarantine.to_parquet(converter, draft)
    final = lake / lake_file(unit.hours[0], _name(unit)).replace("events/", "quarantine/", 1)
    make_durable(draft, final)
    return final
