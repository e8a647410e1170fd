"""Deduplication is exact and does not depend on the order or chunking in which hours land."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.amplitude import ledger, repeats
from assets.amplitude.ledger import Ledger
from assets.home import Home
from support.export_archive import DAY, company, event, lake, landed, lines, name, query, sent_at, stamp, write_loose

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


def rows_at(moments: list[tuple[timedelta, dict[str, Any]]]) -> dict[str, bytes]:
    """Members of an export: each event in the file of its own upload hour."""
    members: dict[str, list[dict[str, Any]]] = {}
    for number, (after, changes) in enumerate(moments):
        sent = DAY + after
        row = event(DAY, number, **(sent_at(sent) | changes))
        members.setdefault(name(sent), []).append(row)
    return {member: lines(rows) for member, rows in members.items()}


def land_all(folder: Path, members: dict[str, bytes]) -> Home:
    home, customer = Home(folder / "home"), company(folder)
    for member, content in members.items():
        write_loose(folder / "events", member, content)
    landed(home, customer)
    return home


def kept(home: Home) -> list[int]:
    return [n for (n,) in query(home, "SELECT event_id FROM raw.amplitude_events ORDER BY event_id")]


def test_one_insert_id_within_seven_days_is_one_event(tmp_path: Path) -> None:
    same: dict[str, Any] = {"insert_id": "i", "device_id": "d"}
    week = 7 * ONE_DAY
    moments = [
        (timedelta(0), same),                                   # 0 survives
        (5 * ONE_DAY, same),                                    # 1 repeats 0
        (week, same),                                           # 2 repeats 0: exactly seven days
        (week + timedelta(microseconds=1), same),               # 3 is a new event, though 2 was near: not chained
        (9 * ONE_DAY, same),                                    # 4 repeats 3
        (9 * ONE_DAY, same | {"device_id": "other"}),           # 5 another device
        (9 * ONE_DAY, same | {"app": 1}),                       # 6 another project
        (9 * ONE_DAY, same | {"device_id": None}),              # 7 and 8: null is never a repeat
        (9 * ONE_DAY, same | {"device_id": None}),
        (9 * ONE_DAY, {"insert_id": None, "device_id": "d"}),   # 9
        (9 * ONE_DAY, {"insert_id": None, "device_id": "d"}),   # 10
        (40 * ONE_DAY, same),                                   # 11 new, but not late: last seen more than 28 days ago
    ]  # fmt: skip
    home = land_all(tmp_path, rows_at(moments))
    assert kept(home) == [0, 3, 5, 6, 7, 8, 9, 10, 11]
    counts = "SELECT sum(records), sum(staged), sum(duplicates), sum(late_resends) FROM raw.amplitude_hours"
    assert query(home, counts) == [(12, 9, 3, 1)]


def test_survivor_is_the_earliest_then_the_least_uuid(tmp_path: Path) -> None:
    same: dict[str, Any] = {"insert_id": "i", "device_id": "d"}
    ids = [f"0000000{n}-0000-4000-8000-000000000000" for n in range(3)]
    moments = [(HOUR, same | {"uuid": ids[2]}), (HOUR, same | {"uuid": ids[1]}), (2 * HOUR, same | {"uuid": ids[0]})]
    assert kept(land_all(tmp_path, rows_at(moments))) == [1]


def test_an_older_hour_that_lands_later_decides_again(tmp_path: Path) -> None:
    same: dict[str, Any] = {"insert_id": "i", "device_id": "d"}
    members = rows_at([(timedelta(0), same), (6 * ONE_DAY, same), (12 * ONE_DAY, same), (18 * ONE_DAY, same)])
    names = list(members)
    home = land_all(tmp_path, {member: members[member] for member in names[1:]})
    assert kept(home) == [1, 3]  # 2 repeats 1
    built = ledger.sequence(home)
    land_all(tmp_path, {names[0]: members[names[0]]})
    assert kept(home) == [0, 2]  # 1 repeats 0, so 2 stands, and 3 repeats 2
    changed = {DAY + n * ONE_DAY for n in (0, 6, 12, 18)}
    assert ledger.pending_hours(home, built) == changed


def test_one_uuid_in_two_hours_stays_in_the_earlier(tmp_path: Path) -> None:
    uuid = "11111111-1111-4111-8111-111111111111"
    plain: dict[str, Any] = {"uuid": uuid, "server_upload_time": stamp(DAY)}
    home, customer = Home(tmp_path / "home"), company(tmp_path)
    write_loose(tmp_path / "events", name(DAY + HOUR), lines([event(DAY, 1, **plain), event(DAY, 2)]))
    landed(home, customer)
    write_loose(tmp_path / "events", name(DAY), lines([event(DAY, 1, **plain)]))
    landed(home, customer)
    rows = query(home, "SELECT upload_hour FROM raw.amplitude_events WHERE event_id = 1")
    assert rows == [(DAY,)]
    assert query(home, "SELECT staged, duplicates FROM raw.amplitude_hours ORDER BY upload_hour") == [(1, 0), (1, 1)]


def test_a_replaced_hour_frees_what_it_had_suppressed(tmp_path: Path) -> None:
    same: dict[str, Any] = {"insert_id": "i", "device_id": "d"}
    members = rows_at([(timedelta(0), same), (ONE_DAY, same)])
    home = land_all(tmp_path, members)
    assert kept(home) == [0]
    land_all(tmp_path, {name(DAY): lines([event(DAY, 7)])})
    assert kept(home) == [1, 7]


def test_only_files_near_in_time_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[tuple[timedelta, dict[str, Any]]] = [(n * 10 * ONE_DAY, {}) for n in range(8)]
    members = list(rows_at(moments).items())
    home = land_all(tmp_path, dict(members[:7]))
    seen: list[int] = []
    original = repeats._near
    monkeypatch.setattr(
        repeats,
        "_near",
        lambda *a: [seen.append(len(found := original(*a))), found][1],  # type: ignore[func-returns-value]
    )
    land_all(tmp_path, dict(members[7:]))
    assert seen == [2] and len(kept(home)) == 8


# ---- any order and chunking, against a reference that knows everything at once

Moment = tuple[int, int, int, int]  # minutes after DAY, uuid, insert id (0 = null), device (0 = null)
_ROWS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 70 * 1440), st.sampled_from([d * 1440 for d in (0, 1, 7, 8, 14, 15, 21, 28, 35, 56)])),
        st.integers(1, 25), st.integers(0, 3), st.integers(0, 2),
    ),
    min_size=2, max_size=30,
)  # fmt: skip


def files_of(rows: list[Moment]) -> list[tuple[str, bytes]]:
    """One file an hour, or two; a uuid that occurs again keeps nothing else, as a bad re-export might."""
    members: dict[str, list[dict[str, Any]]] = {}
    for number, (minute, uuid, insert, device) in enumerate(rows):
        sent = DAY + timedelta(minutes=minute)
        row = event(
            sent.replace(minute=0),
            number,
            uuid=f"00000000-0000-4000-8000-{uuid:012d}",
            insert_id=f"i{insert}" if insert else None,
            device_id=f"d{device}" if device else None,
            **sent_at(sent),
        )
        members.setdefault(name(sent, number % 2), []).append(row)
    return [(member, lines(events)) for member, events in sorted(members.items())]


def reference(rows: list[Moment]) -> tuple[set[tuple[int, datetime]], Counter[datetime]]:
    """(uuid, upload hour) of the events that stay, and late resends by upload hour; quadratic and plain."""
    hour_of = {n: (DAY + timedelta(minutes=row[0])).replace(minute=0) for n, row in enumerate(rows)}
    # the order of files breaks ties within an hour, as in the lake
    once: dict[tuple[int, datetime], tuple[int, int, int]] = {}
    for n, (minute, uuid, _, _) in enumerate(rows):
        rank = (minute, n % 2, n)
        if (uuid, hour_of[n]) not in once or rank < once[uuid, hour_of[n]]:
            once[uuid, hour_of[n]] = rank
    standing = [n for _, _, n in once.values()]

    def survivors(numbers: list[int], window: int) -> Iterator[int]:
        last = None
        for n in numbers:
            if last is None or rows[n][0] - rows[last][0] > window:
                last = n
                yield n

    first: list[int] = []
    for uuid in {rows[n][1] for n in standing}:
        group = sorted((n for n in standing if rows[n][1] == uuid), key=lambda n: (rows[n][0], hour_of[n]))
        first += survivors(group, 28 * 1440)
    stay, late = set(), Counter[datetime]()
    for n in first:
        if not rows[n][2] or not rows[n][3]:
            stay.add(n)
    for key in {rows[n][2:] for n in first if rows[n][2] and rows[n][3]}:
        group = sorted((n for n in first if rows[n][2:] == key), key=lambda n: (rows[n][0], rows[n][1], hour_of[n]))
        chosen = list(survivors(group, 7 * 1440))
        stay |= set(chosen)
        for n in chosen:
            earlier = group[: group.index(n)]
            if earlier and rows[n][0] - rows[earlier[-1]][0] <= 28 * 1440:
                late[hour_of[n]] += 1
    return {(rows[n][1], hour_of[n]) for n in stay}, late


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=_ROWS, seed=st.integers(0, 10_000), chunks=st.integers(1, 4))
def test_any_order_and_chunking_gives_the_reference(rows: list[Moment], seed: int, chunks: int) -> None:
    files = files_of(rows)
    random.Random(seed).shuffle(files)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_SEARCH_ROWS", 4)  # several searches instead of one
        root = Path(folder)
        step = -(-len(files) // chunks)
        for start in range(0, len(files), step):
            home = land_all(root / "chunked", dict(files[start : start + step]))
        stay, late = reference(rows)
        found = query(home, "SELECT uuid::VARCHAR, upload_hour FROM raw.amplitude_events")
        assert {(int(uuid[-12:]), hour) for uuid, hour in found} == stay and len(found) == len(stay)
        hours = query(home, "SELECT upload_hour, late_resends FROM raw.amplitude_hours WHERE late_resends > 0")
        assert dict(hours) == dict(late)
        off = "SELECT count(*) FROM raw.amplitude_hours WHERE records <> staged + duplicates + quarantined + erased"
        assert query(home, off) == [(0,)]
        assert lake(home) == lake(land_all(root / "whole", dict(files)))


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=_ROWS, seed=st.integers(0, 10_000))
def test_replaced_hours_end_as_if_landed_so_at_once(rows: list[Moment], seed: int) -> None:
    """Files first land with a part of their lines, then as they are."""
    files, rng = files_of(rows), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        halves = {m: b"".join(x for x in c.splitlines(keepends=True) if rng.random() < 0.5) for m, c in files}
        land_all(root / "twice", {m: c for m, c in halves.items() if rng.random() < 0.7 or m == files[0][0]})
        home = land_all(root / "twice", dict(files))
        whole = land_all(root / "whole", dict(files))
        assert lake(home) == lake(whole)
        with Ledger.open(home) as one, Ledger.open(whole) as other:
            verdicts = "SELECT uuid, hour, level, is_late FROM repeats WHERE level > 0 OR is_late ORDER BY 1, 2"
            assert one.con.execute(verdicts).fetchall() == other.con.execute(verdicts).fetchall()
