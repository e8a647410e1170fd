"""Switches upload hours to newly written files: one transaction; what the old files held for other hours is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assets.amplitude.archive import hour_start
from assets.amplitude.convert import Converter, Facts, Piece, hour_of, make_durable, parquet
from assets.amplitude.land_unit import HourLanding, UnitLanding, content_digest, lake_file
from assets.amplitude.ledger import Ledger
from assets.amplitude.ledger_tables import Segment
from assets.amplitude.merges import facts_of_events, replace_event_facts
from assets.amplitude.repeats import forget_hours


def commit(ledger: Ledger, converter: Converter, landings: list[UnitLanding], promotion: str) -> None:
    """Make landed units the truth. Files are in place already."""
    with ledger.change() as sequence:
        for landing in landings:
            _switch(ledger, converter, landing, promotion, sequence)


def _switch(ledger: Ledger, converter: Converter, landing: UnitLanding, promotion: str, sequence: int) -> None:
    hours = set(landing.hours)
    marks = ",".join(str(hour) for hour in sorted(hours))
    former = ledger.segments(f"segment IN (SELECT segment FROM segment_hours WHERE hour IN ({marks}))")
    vanished = {hour: _vanished(ledger, landing.hours[hour]) for hour in hours} if former else {}
    forget_hours(ledger, hours)
    ledger.con.execute(f"DELETE FROM quarantine_files WHERE hour IN ({marks})")
    carried: dict[int, int] = {}
    merges = list(landing.merges)
    for segment in former:
        touched, rest, kept = _rest(
            ledger, converter, segment, hours, {h for h in vanished if vanished[h]}, landing.pieces
        )
        ledger.drop_segment(segment.number)
        ledger.touch(touched, sequence)
        for hour, rows in kept.items():
            carried[hour] = carried.get(hour, 0) + rows
        if rest and kept:
            merges += facts_of_events(converter, [rest.path], kept)
        if rest:
            ledger.add_segment(segment_of(ledger, rest, segment.promotion, segment.settled and not kept))
    for piece in landing.pieces:
        ledger.add_segment(segment_of(ledger, piece, promotion, settled=False))
        ledger.touch(piece.facts.event_hours, sequence)
    replace_event_facts(ledger, hours, merges)
    if landing.quarantine:
        name = landing.quarantine.relative_to(ledger.lake).as_posix()
        ledger.con.executemany(
            "INSERT INTO quarantine_files VALUES (?, ?)", [(name, hour) for hour in landing.quarantined_hours]
        )
    for number, landed in landing.hours.items():
        _write_hour(ledger, landed, vanished.get(number, []), carried.get(number, 0))


# name, CRC-32, size, refused by its listing, found broken
Content = tuple[str, int, int, int, int]


def _vanished(ledger: Ledger, hour: HourLanding) -> list[Content]:
    """Contents the hour was landed from whose files are gone, with no newer file of that name: their rows stay."""
    names = {member.name for member in hour.members}
    rows = ledger.con.execute(
        "SELECT name, crc, size, refused, broken FROM contents WHERE hour = ? AND NOT broken", [hour.hour]
    ).fetchall()
    return [row for row in rows if row[0] not in names]


def _rest(
    ledger: Ledger, converter: Converter, segment: Segment, hours: set[int], carry: set[int], pieces: list[Piece]
) -> tuple[set[int], Piece | None, dict[int, int]]:
    """What a replaced file leaves behind: (hours of occurred_at of the rows that go, a file with the rows that stay,
    rows that stay of the replaced hours themselves, by hour)."""
    source = ledger.lake / segment.file
    replaced = ", ".join(f"TIMESTAMP '{hour_start(hour)}'" for hour in sorted(hours & segment.hours))
    gone = converter.con.execute(
        f"""SELECT DISTINCT {hour_of("occurred_at")} FROM {parquet([source])}
        WHERE upload_hour IN ({replaced})"""
    ).fetchall()
    kept_hours = carry & segment.hours
    where = f"upload_hour NOT IN ({replaced})"
    if kept_hours:
        carried = ", ".join(f"TIMESTAMP '{hour_start(hour)}'" for hour in sorted(kept_hours))
        again = f"SELECT uuid FROM {parquet([p.path for p in pieces])}" if pieces else "SELECT NULL::UUID WHERE false"
        where += f" OR (upload_hour IN ({carried}) AND uuid NOT IN ({again}))"
    elif segment.hours <= hours:
        return {hour for (hour,) in gone}, None, {}
    rest = converter.rewrite([source], converter.scratch / "rest.parquet", where=where)
    if not rest.facts.rows:
        rest.path.unlink()
        return {hour for (hour,) in gone}, None, {}
    digest = content_digest([segment.file, sorted(rest.facts.hours), rest.facts.rows, sorted(hours)])
    final = ledger.lake / lake_file(min(rest.facts.hours), digest)
    make_durable(rest.path, final)
    counts = converter.con.execute(
        f"""SELECT {hour_of("upload_hour")} AS hour, count(*) FROM {parquet([final])} GROUP BY hour"""
    ).fetchall()
    return {h for (h,) in gone}, Piece(final, rest.facts), {h: n for h, n in counts if h in kept_hours}


def segment_of(ledger: Ledger, piece: Piece, promotion: str, settled: bool) -> Segment:
    """A written file as the ledger names it."""
    facts = piece.facts
    return Segment(
        piece.path.relative_to(ledger.lake).as_posix(), facts.rows, piece.bytes, facts.first_sent, facts.last_sent,
        promotion, settled, facts.hours, facts.event_hours,
    )  # fmt: skip


def _write_hour(ledger: Ledger, hour: HourLanding, vanished: list[Content], carried: int) -> None:
    row = ledger.con.execute("SELECT attempts FROM hours WHERE hour = ?", [hour.hour]).fetchone()
    contents: list[Content] = [
        (*member.content, int(member.problem is not None), int(member in hour.broken)) for member in hour.members
    ]
    contents = sorted({*contents, *vanished})
    values = [
        hour.hour, hour.state, len(contents), hour.records + carried, hour.lake_rows + carried, hour.same_uuid,
        hour.quarantined, hour.erased, sum(content[2] for content in contents),
        content_digest([c[:3] for c in contents]),
        (row[0] if row else 0) + 1, datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
    ]  # fmt: skip
    ledger.con.execute(f"INSERT OR REPLACE INTO hours VALUES ({','.join('?' * len(values))})", values)
    ledger.con.execute("INSERT OR REPLACE INTO hour_keys VALUES (?, ?, ?, ?)", [hour.hour, *hour.keys.as_row()])
    ledger.con.execute("DELETE FROM contents WHERE hour = ?", [hour.hour])
    ledger.con.executemany("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?)", [(hour.hour, *c) for c in contents])


def replace_segment(ledger: Ledger, old: Segment, name: str, facts: Facts, promotion: str) -> None:
    """Switch one file for another with the same rows but new promoted columns; all its event hours changed."""
    piece = Piece(ledger.lake / name, facts)
    with ledger.change() as sequence:
        ledger.drop_segment(old.number)
        ledger.add_segment(segment_of(ledger, piece, promotion, old.settled))
        ledger.touch(facts.event_hours, sequence)


def merge_segments(ledger: Ledger, old: list[Segment], merged: Path, facts: Facts) -> None:
    """Switch several files for one that holds all their rows; nothing changes for readers of events."""
    with ledger.change():
        for segment in old:
            ledger.drop_segment(segment.number)
        ledger.add_segment(segment_of(ledger, Piece(merged, facts), old[0].promotion, settled=True))
