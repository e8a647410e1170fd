"""A second landing: what replaces an hour, what stays, and which files are merged or promoted again."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from assets.amplitude import compaction, ledger
from assets.amplitude.landing import land, plan
from assets.amplitude.ledger import Ledger
from assets.home import Home
from support.export_archive import (
    DAY,
    company,
    event,
    files_of,
    lake,
    landed,
    lines,
    name,
    query,
    stamp,
    write_loose,
    write_zip,
)

HOUR = timedelta(hours=1)
COUNT = "SELECT count(*) FROM raw.amplitude_events"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_new_part_replaces_the_hour_and_only_that(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    hours = [DAY + n * HOUR for n in range(3)]
    write_zip(tmp_path / "events/a.zip", {name(h): lines(event(h, n) for n in range(4)) for h in hours})
    landed(home, customer)
    built = ledger.sequence(home)
    write_loose(tmp_path / "events", name(hours[1], 1), lines([event(hours[1], 50, event_time=stamp(DAY - 30 * HOUR))]))
    todo = plan(home, customer)
    assert todo.days == [DAY.date()] and todo.members == 2
    land(home, customer, todo)
    assert query(home, COUNT) == [(13,)]
    rows = query(home, "SELECT records, attempts FROM raw.amplitude_hours ORDER BY upload_hour")
    assert rows == [(4, 1), (5, 2), (4, 1)]
    assert ledger.pending_hours(home, built) == {hours[1], (DAY - 30 * HOUR)}
    landed(home, customer)
    assert len(files_of(home)) == 2  # the rest of the former file, and the hour anew


def test_a_changed_file_of_the_same_name_replaces_the_hour(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines(event(DAY, n) for n in range(4))})
    landed(home, customer)
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines(event(DAY, n) for n in (0, 1, 9))})
    os.utime(tmp_path / "events/a.zip", ns=(1, 1))
    landed(home, customer)
    assert query(home, "SELECT list(event_id ORDER BY event_id) FROM raw.amplitude_events") == [([0, 1, 9],)]


def test_events_stay_when_their_archive_is_cleared_away(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    old = write_zip(tmp_path / "events/a.zip", {name(DAY, 0): lines(event(DAY, n) for n in range(4))})
    landed(home, customer)
    old.unlink()
    write_loose(tmp_path / "events", name(DAY, 1), lines([event(DAY, 3), event(DAY, 9)]))
    landed(home, customer)
    assert query(home, "SELECT list(event_id ORDER BY event_id) FROM raw.amplitude_events") == [([0, 1, 2, 3, 9],)]
    assert query(home, "SELECT parts, records, staged, duplicates FROM raw.amplitude_hours") == [(2, 5, 5, 0)]
    assert plan(home, customer).is_empty


def test_a_change_of_promotion_promotes_kept_files_again(tmp_path: Path, home: Home) -> None:
    events = [event(DAY, n, event_properties={"feature": "a", "kind": f"k{n}"}) for n in range(3)]
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines(events)})
    landed(home, company(tmp_path))
    built = ledger.sequence(home)
    shutil.rmtree(tmp_path / "events")
    changed = company(tmp_path, ("kind",))
    todo = plan(home, changed)
    assert not todo.is_empty and todo.promote_again == 1
    land(home, changed, todo)
    assert ledger.pending_hours(home, built) == {DAY}
    rows = query(home, "SELECT feature_properties FROM raw.amplitude_events ORDER BY event_id")
    assert rows == [({"kind": f"k{n}"},) for n in range(3)]
    assert plan(home, changed).is_empty


def test_a_day_landed_hour_by_hour_becomes_one_file(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    hours = [DAY + n * HOUR for n in range(25)]
    for hour in hours[:3]:
        write_loose(tmp_path / "events", name(hour), lines(event(hour, n) for n in range(3)))
        landed(home, customer)
    assert len(files_of(home)) == 3
    for hour in hours[3:]:
        write_loose(tmp_path / "events", name(hour), lines(event(hour, n) for n in range(3)))
    built = ledger.sequence(home)
    landed(home, customer)
    pending = ledger.pending_hours(home, built)
    assert pending == set(hours[3:])  # merging touched no hour
    with Ledger.open(home) as book:
        assert len(book.segments()) == 2
    before = lake(home)
    landed(home, customer)
    assert lake(home) == before
    assert before[0][1] and len(before[0][1]) == 75


def test_a_day_that_is_not_final_is_not_merged(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_loose(tmp_path / "events", name(DAY), lines([event(DAY)]))
    landed(home, customer)
    broken = write_loose(tmp_path / "events", name(DAY + HOUR), lines([event(DAY + HOUR)]))
    broken.write_bytes(broken.read_bytes()[:-9])
    write_loose(tmp_path / "events", name(DAY + 2 * HOUR), lines([event(DAY + 2 * HOUR)]))
    write_loose(tmp_path / "events", name(DAY + 30 * HOUR), lines([event(DAY + 30 * HOUR)]))
    landed(home, customer)
    with Ledger.open(home) as book:
        assert compaction._final_days(book) == set()
    assert len(files_of(home)) == 3


def test_days_can_be_landed_again_on_request(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_zip(
        tmp_path / "events/a.zip", {name(DAY): lines([event()]), name(DAY + 24 * HOUR): lines([event(DAY + 24 * HOUR)])}
    )
    landed(home, customer)
    before = lake(home)
    todo = plan(home, customer, land_again={DAY.date()})
    assert todo.days == [DAY.date()]
    land(home, customer, todo)
    assert lake(home) == before
