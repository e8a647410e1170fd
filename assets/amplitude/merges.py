"""Merge facts in the ledger: from events that tell what their Amplitude id was merged into, and from merge files.

The facts of an upload hour are replaced together with its rows. A merge file (``-<Org>_<yyyy-MM-dd>_<H>.json.gz``,
loose or in a zip) is known by its content like an hourly file: delivered twice it is landed once, a newer file of the
same name replaces it, and one that left the folder stays landed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.amplitude.archive import EPOCH, Member, local_midnight_hour
from assets.amplitude.convert import Converter, hour_of, parquet
from assets.amplitude.identity import MergeFact
from assets.amplitude.inflate import MemberError, lines_of
from assets.amplitude.ledger import MEMBER_FIELDS, Ledger

_US = timedelta(microseconds=1)
_EVENTS = "events"
_LONGEST_LINE, _SHOWN = 1 << 20, 500

# (upload hour, id merged away, survivor, when it became known in µs)
HourFact = tuple[int, int, int, int]


def facts_of_events(converter: Converter, files: list[Path], hours: Iterable[int] | None = None) -> list[HourFact]:
    """Merges that events in lake files tell: the event's own id was merged away into ``data.merged_amplitude_id``."""
    if not files:
        return []
    wanted = None if hours is None else set(hours)
    rows: list[HourFact] = converter.con.execute(
        f"""
        SELECT {hour_of("upload_hour")} AS hour, amplitude_id,
            TRY_CAST(json_extract_string(data, '/merged_amplitude_id') AS BIGINT) AS survivor,
            min(epoch_us(server_upload_time))
        FROM {parquet(files)}
        WHERE contains(data, '"merged_amplitude_id"') AND amplitude_id IS NOT NULL AND survivor IS NOT NULL
        GROUP BY hour, amplitude_id, survivor ORDER BY hour, amplitude_id, survivor"""
    ).fetchall()
    return [row for row in rows if wanted is None or row[0] in wanted]


def replace_event_facts(ledger: Ledger, hours: Iterable[int], facts: Iterable[HourFact]) -> None:
    """Put the facts of replaced upload hours in the place of the former ones. Within a change only."""
    ledger.con.executemany("DELETE FROM merge_facts WHERE hour = ? AND source = ?", [(hour, _EVENTS) for hour in hours])
    _add(ledger, _EVENTS, facts)


def facts(ledger: Ledger, until: date | None = None) -> list[MergeFact]:
    """Every fact uploaded by the local midnight after ``until``."""
    end = local_midnight_hour(until, ledger.meta("time_zone") or "UTC") if until else None
    rows = ledger.con.execute(
        "SELECT merged_at, amplitude_id, survivor FROM merge_facts WHERE ? IS NULL OR hour < ?", [end, end]
    )
    return [MergeFact(*row) for row in rows]


def _add(ledger: Ledger, source: str, facts: Iterable[HourFact]) -> None:
    ledger.con.executemany(
        """INSERT INTO merge_facts (hour, source, amplitude_id, survivor, merged_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET merged_at = min(merged_at, excluded.merged_at)""",
        [(hour, source, away, survivor, at) for hour, away, survivor, at in facts],
    )


# ---- merge files

Content = tuple[str, int, int]


def pending_files(ledger: Ledger) -> tuple[list[Member], list[Content]]:
    """(merge files to read, landed contents that a newer file of the same name replaced)."""
    found: dict[Content, Member] = {}
    for row in ledger.con.execute(
        f"SELECT {MEMBER_FIELDS} FROM merge_members ORDER BY problem IS NOT NULL, archive, path"
    ):
        member = Member(*row)
        found.setdefault(member.content, member)
    landed = set(ledger.con.execute("SELECT name, crc, size FROM merge_contents").fetchall())
    names = {name for name, _, _ in found}
    fresh = [found[content] for content in sorted(found.keys() - landed)]
    return fresh, sorted(content for content in landed - found.keys() if content[0] in names)


def land_merge_files(ledger: Ledger) -> None:
    """Bring the facts in line with the folder's merge files: one change of the ledger, or none."""
    fresh, replaced = pending_files(ledger)
    if not fresh and not replaced:
        return
    read = [_read(member) for member in fresh]
    with ledger.change():
        for content in replaced:
            _forget(ledger, content)
        for file in read:
            _keep(ledger, file)


@dataclass(frozen=True)
class _MergeFile:
    member: Member
    records: int
    facts: list[HourFact]
    bad: list[tuple[int | None, str, str, str | None]]  # line, reason, detail, raw


def _source(content: Content) -> str:
    return ":".join(str(part) for part in content)


def _forget(ledger: Ledger, content: Content) -> None:
    for table in ("merge_contents", "merge_quarantine"):
        ledger.con.execute(f"DELETE FROM {table} WHERE name = ? AND crc = ? AND size = ?", content)
    ledger.con.execute("DELETE FROM merge_facts WHERE source = ?", [_source(content)])


def _keep(ledger: Ledger, file: _MergeFile) -> None:
    content, archive = file.member.content, Path(file.member.archive).name
    ledger.con.execute(
        "INSERT INTO merge_contents VALUES (?, ?, ?, ?, ?, ?)",
        [*content, file.member.hour, file.records, len(file.bad)],
    )
    ledger.con.executemany(
        "INSERT INTO merge_quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*content, archive, file.member.path, *bad) for bad in file.bad],
    )
    _add(ledger, _source(content), file.facts)


def _read(member: Member) -> _MergeFile:
    """A file that cannot be read to its end gives no fact at all: it counts as one bad record, as with events."""
    facts: list[HourFact] = []
    bad: list[tuple[int | None, str, str, str | None]] = []
    records = 0
    try:
        for number, line in _lines(member):
            records += 1
            fact = _fact(member, line)
            if isinstance(fact, str):
                bad.append((number, "bad_merge", fact, line.decode("utf-8", "replace")[:_SHOWN]))
            else:
                facts.append(fact)
    except MemberError as error:
        return _MergeFile(member, 1, [], [(None, error.reason, error.detail, None)])
    return _MergeFile(member, records, facts, bad)


def _lines(member: Member) -> Iterator[tuple[int, bytes]]:
    rest, number = b"", 0
    for chunk in lines_of(member):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise MemberError("line_too_long", f"a line of more than {_LONGEST_LINE >> 20} MB")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line
    if rest.strip():
        yield number + 1, rest


def _fact(member: Member, line: bytes) -> HourFact | str:
    """The fact in a line, or what is wrong with it."""
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # no JSON, or nested without end
        return "not a JSON object"
    if not isinstance(record, dict):
        return "not a JSON object"
    ids = [_id(record.get(name)) for name in ("amplitude_id", "merged_amplitude_id")]
    if ids[0] is None or ids[1] is None:
        return "amplitude_id and merged_amplitude_id must both be whole numbers"
    hour = member.hour or 0
    at = _moment(record.get("merge_server_time")) or _moment(record.get("merge_time"))
    return hour, ids[0], ids[1], at if at is not None else hour * 3_600_000_000


def _id(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _moment(value: Any) -> int | None:
    """Microseconds since 1970 of a time as Amplitude writes it (text in UTC, or milliseconds)."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            moment = EPOCH + timedelta(milliseconds=value)
        else:
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // _US
