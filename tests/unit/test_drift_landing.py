"""The facts that drift is judged by: keys of the files, event types and property types by upload day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude import drift
from assets.home import Home
from assets.warehouse import write
from support.export_archive import DAY, company, event, landed, lines, name, write_zip

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def facts(home: Home, table: str) -> list[tuple[Any, ...]]:
    with write(home.warehouse) as con:
        drift.write_facts(con, home)
        return con.execute(f"SELECT * FROM raw.amplitude_{table} ORDER BY ALL").fetchall()


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def test_new_and_missing_keys_are_noted_by_hour(tmp_path: Path, home: Home) -> None:
    later = [without(event(DAY + HOUR, n, **{"$new_thing": n}), "dma", "plan") for n in range(3)]
    write_zip(tmp_path / "events/a.zip", {
        name(DAY): lines(event(DAY, n) for n in range(40)),
        name(DAY + HOUR): lines(later), name(DAY + HOUR, 1): lines([event(DAY + HOUR, 9)]),
        name(DAY + 2 * HOUR): b"",
    })  # fmt: skip
    landed(home, company(tmp_path))
    assert facts(home, "key_samples") == [(DAY, 5, [], []), (DAY + HOUR, 4, ["$new_thing"], ["dma", "plan"])]

    write_zip(tmp_path / "events/a.zip", {name(DAY + HOUR): lines([event(DAY + HOUR, 1)])})
    landed(home, company(tmp_path))
    assert facts(home, "key_samples")[1] == (DAY + HOUR, 1, [], [])


def test_a_bad_first_line_is_no_new_key(tmp_path: Path, home: Home) -> None:
    content = b"\xef\xbb\xbf[1]\n{broken\n\n" + lines([event(DAY, 1, odd=1)]) + b'{"cut'
    write_zip(tmp_path / "events/a.zip", {name(DAY): content})
    landed(home, company(tmp_path))
    assert facts(home, "key_samples") == [(DAY, 1, ["odd"], [])]


def test_a_first_line_nested_without_end_is_quarantined_like_any_other(tmp_path: Path, home: Home) -> None:
    content = b'{"data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n" + lines([event(DAY)])
    write_zip(tmp_path / "events/a.zip", {name(DAY): content})
    assert landed(home, company(tmp_path)).quarantined == 1
    assert facts(home, "key_samples") == [(DAY, 1, [], [])]


def test_types_of_properties_by_day(tmp_path: Path, home: Home) -> None:
    odd = {"a/b~c.d \"e'": 1.5, "list": [1], "flag": True, "none": None, "obj": {"x": 1}, "": "empty name"}
    write_zip(tmp_path / "events/a.zip", {
        name(DAY): lines(event(DAY, n, event_properties={"plan": plan}) for n, plan in enumerate([1, "pro"])),
        name(DAY + ONE_DAY): lines([
            event(DAY + ONE_DAY, 3, event_type="Odd", event_properties=odd),
            event(DAY + ONE_DAY, 4, event_type="Odd", event_properties=None),
            event(DAY + ONE_DAY, 5, event_type="Odd", event_properties={"plan": 2**63}),
        ])
        + lines([event(DAY + ONE_DAY, 6, event_type="Odd")]).replace(b'"n": 6', b'"twice": 1, "twice": "x"'),
    })  # fmt: skip
    landed(home, company(tmp_path))
    assert facts(home, "type_days") == [
        (DAY.date(), "Report Opened", 2, 2),
        ((DAY + ONE_DAY).date(), "Odd", 4, 4),
    ]
    rows = {(day, prop, kind) for day, _, prop, kind, _ in facts(home, "property_days")}
    first, second = DAY.date(), (DAY + ONE_DAY).date()
    assert rows >= {
        (first, "plan", "number"), (first, "plan", "text"),
        (second, "a/b~c.d \"e'", "number"), (second, "list", "list"),
        (second, "flag", "yes/no"), (second, "obj", "object"), (second, "", "text"), (second, "plan", "number"),
    }  # fmt: skip
    assert not any(prop == "none" for _, prop, _ in rows)


def test_facts_do_not_depend_on_order_and_only_new_days_are_read(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = [DAY + n * timedelta(hours=7) for n in range(8)]
    zips = {hour: {name(hour): lines(event(hour, n, event_properties={"v": n}) for n in range(60))} for hour in hours}
    monkeypatch.setattr(drift, "SAMPLE", 20)
    read: list[list[Any]] = []
    read_days = drift._read_days
    monkeypatch.setattr(
        drift, "_read_days", lambda con, home, files, days: (read.append(days), read_days(con, home, files, days))
    )

    one_by_one, customer = Home(tmp_path / "one-by-one"), company(tmp_path / "one")
    for hour in reversed(hours):
        write_zip(tmp_path / f"one/events/{hour:%d%H}.zip", zips[hour])
        landed(one_by_one, customer)
        facts(one_by_one, "type_days")
        assert read.pop() == [hour.date()] and not read
    facts(one_by_one, "type_days")
    assert not read

    whole = company(tmp_path / "whole")
    for hour in hours:
        write_zip(tmp_path / f"whole/events/{hour:%d%H}.zip", zips[hour])
    landed(home, whole)
    for table in ("type_days", "property_days", "key_samples"):
        assert facts(home, table) == facts(one_by_one, table)
    assert all(0 < sampled < events for _, _, events, sampled in facts(home, "type_days"))


def test_made_up_property_names_are_bounded(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST_PROPERTIES", 5)
    many = (event(DAY, n, event_properties={f"id-{n}": n, "steady": "x"}) for n in range(50))
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines(many)})
    landed(home, company(tmp_path))
    properties = [row[2] for row in facts(home, "property_days")]
    assert len(properties) == 5 and "steady" in properties
