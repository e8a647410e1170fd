"""From hourly files to the raw view: what lands, how it is typed, what a second landing changes."""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from assets.amplitude import archive, inflate, ledger, planning, spool
from assets.amplitude.landing import land, plan
from assets.amplitude.schema import EVENT_COLUMNS
from assets.home import Home
from support.export_archive import (
    DAY,
    column_text,
    company,
    event,
    files_of,
    lake,
    landed,
    lines,
    name,
    packed,
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


def test_zips_and_loose_files_in_any_nesting_land_once(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    first, second = lines(event(DAY, n) for n in range(30)), lines(event(DAY + HOUR, n) for n in range(20))
    write_zip(tmp_path / "events/2025/a.zip", {name(DAY): first, name(DAY + HOUR): second})
    write_zip(tmp_path / "events/again/b.zip", {name(DAY): first})
    write_loose(tmp_path / "events/loose/deep", name(DAY + HOUR), second)
    write_loose(tmp_path / "events", name(DAY, 0, project=42), lines([event(DAY, 77)]))
    (tmp_path / "events" / "README.txt").write_text("not an export")

    result = landed(home, customer)

    assert (result.hours, result.records, result.staged, result.duplicates, result.quarantined) == (2, 51, 51, 0, 0)
    assert result.by_day[DAY.date()].records == 51
    states = query(home, "SELECT upload_hour, state, parts, records, staged FROM raw.amplitude_hours ORDER BY 1")
    assert states == [(DAY, "loaded", 2, 31, 31), (DAY + HOUR, "loaded", 1, 20, 20)]


def test_nothing_new_opens_nothing(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = company(tmp_path)
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines([event()])})
    landed(home, customer)
    before = ledger.sequence(home)
    monkeypatch.setattr(planning, "read_members", lambda file: pytest.fail(f"opened {file.path}"))
    again = plan(home, customer)
    assert again.is_empty and again.days == [] and again.members == 0
    land(home, customer, again)
    assert ledger.sequence(home) == before


def test_columns_are_typed_and_places_are_dropped(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    late = event(DAY, 1, event_time="", server_received_time="2025-03-03 00:00:05", client_event_time="")
    ahead = event(DAY, 2, event_time="2031-01-01 00:00:00.000000", session_id=-1, user_creation_time="")
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines([event(DAY, 0), late, ahead])})
    landed(home, customer)
    described = query(home, "DESCRIBE raw.amplitude_events")
    assert {row[0]: row[1] for row in described} == EVENT_COLUMNS
    rows = query(
        home,
        """SELECT event_id, upload_hour, occurred_at, is_time_corrected, event_time, session_id, insert_id, groups
        FROM raw.amplitude_events ORDER BY event_id""",
    )
    assert rows == [
        (0, DAY, DAY, False, DAY, 1740960000000, "insert-030300-0", '{"account":["acct-0"]}'),
        (1, DAY, datetime(2025, 3, 3, 0, 0, 5), True, None, 1740960000000, "insert-030300-1", '{"account":["acct-1"]}'),
        (2, DAY, DAY + timedelta(seconds=2), True, datetime(2031, 1, 1), -1, "insert-030300-2",
         '{"account":["acct-2"]}'),
    ]  # fmt: skip
    for path in files_of(home):
        assert not any(place in column_text(path) for place in ("203.0.113.77", "Bremen", "Hansestadt", "53.07"))


def test_promoted_columns_take_any_property_name(tmp_path: Path, home: Home) -> None:
    odd = ("a.b", "c/d", 'e"f', "g[0]", "~t", "it's", "名前", "plain")
    customer = company(
        tmp_path,
        odd,
        account_group_type="org.unit's",
        account_user_property="crm/id",
        internal={"user_property": "st'aff"},
    )
    full = event(DAY, 0, event_properties=dict.fromkeys(odd, "v") | {"g[0]": 7, "plain": None, "~t": True},
                 groups={"org.unit's": ["acme", "other"]}, user_id="Ann@Example.COM",
                 user_properties={"crm/id": "A-1", "st'aff": True})  # fmt: skip
    plain = event(
        DAY, 1, event_properties=None, groups={"org.unit's": "lone"}, user_properties={"email": "b@x.example"}
    )
    bare = event(DAY, 2, event_properties={}, groups=None, user_properties=None, user_id="no@mail@x.y")
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines([full, plain, bare])})
    landed(home, customer)
    rows = query(
        home,
        """SELECT account_group, account_property, internal_property, email_domain, feature_properties
        FROM raw.amplitude_events ORDER BY event_id""",
    )
    expected = {key: "v" for key in odd if key != "plain"} | {"g[0]": "7", "~t": "true"}
    assert rows == [
        ("acme", "A-1", "true", "example.com", expected),
        ("lone", None, None, "x.example", {}),
        (None, None, None, None, {}),
    ]


def test_line_ends_marks_and_repeated_keys_do_no_harm(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    body = lines(event(DAY, n) for n in range(3))
    twice = lines([event(DAY, 9)]).replace(b'"event_id": 9', b'"event_id": 1, "event_id": 9')
    write_zip(
        tmp_path / "events/a.zip",
        {
            name(DAY, 0): b"\xef\xbb\xbf" + body.replace(b"\n", b"\r\n"),
            name(DAY, 1): b"\n\n" + lines([event(DAY, 5)]) + b"   \n" + lines([event(DAY, 6)]).rstrip(),
            name(DAY, 2): twice,
            name(DAY + HOUR): b"",
        },
    )
    result = landed(home, customer)
    assert (result.records, result.staged, result.quarantined, result.hours) == (6, 6, 0, 2)
    assert query(home, "SELECT list(event_id ORDER BY event_id) FROM raw.amplitude_events") == [([0, 1, 2, 5, 6, 9],)]
    assert query(home, "SELECT state, records FROM raw.amplitude_hours ORDER BY upload_hour")[1] == ("loaded", 0)


def test_same_uuid_within_an_hour_stays_once(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    early, later = (
        event(DAY, 1, event_type="early"),
        event(DAY, 1, event_type="later", server_upload_time=stamp(DAY + HOUR / 2)),
    )
    write_zip(
        tmp_path / "events/a.zip", {name(DAY, 0): lines([later, event(DAY, 2)]), name(DAY, 1): lines([early, early])}
    )
    result = landed(home, customer)
    assert (result.records, result.staged, result.duplicates) == (4, 2, 2)
    assert query(home, "SELECT event_type FROM raw.amplitude_events WHERE event_id = 1") == [("early",)]


def test_until_bounds_what_is_planned_and_what_is_shown(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    hours = [DAY + n * HOUR for n in range(0, 72, 8)]
    write_zip(tmp_path / "events/a.zip", {name(h): lines([event(h)]) for h in hours})
    landed(home, customer, date(2025, 3, 3))
    assert query(home, COUNT, until=date(2025, 3, 3)) == [(3,)]
    states = query(home, "SELECT count(*), max(upload_hour) FROM raw.amplitude_hours", until=date(2025, 3, 3))
    assert states == [(24, DAY + 23 * HOUR)]
    assert ledger.usage_watermark(home, customer, date(2025, 3, 3)) == date(2025, 3, 3)
    assert ledger.usage_watermark(home, customer) == date(2025, 3, 3)  # the later hours wait for their landing
    landed(home, customer)
    assert query(home, COUNT) == [(9,)]
    assert query(home, COUNT, until=date(2025, 3, 4)) == [(6,)]
    assert ledger.usage_watermark(home, customer) == date(2025, 3, 4)  # hours after the last file are not known


def test_until_in_a_zone_of_half_hours(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path).model_copy(update={"time_zone": "Asia/Kolkata"})
    hours = [DAY + n * HOUR for n in range(24)]
    write_zip(tmp_path / "events/a.zip", {name(h): lines([event(h)]) for h in hours})
    landed(home, customer, date(2025, 3, 3))
    assert query(home, "SELECT max(upload_hour) FROM raw.amplitude_hours WHERE state = 'loaded'") == [
        (DAY + 17 * HOUR,)
    ]
    landed(home, customer)
    assert ledger.usage_watermark(home, customer) == date(2025, 3, 3)


def test_the_view_reads_only_the_files_it_needs(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    days = [DAY + timedelta(days=n) for n in range(3)]
    write_zip(tmp_path / "events/a.zip", {name(d): lines(event(d, n) for n in range(2)) for d in days})
    landed(home, customer)
    assert query(home, COUNT) == [(6,)]
    assert query(home, COUNT, hours={days[1]}) == [(2,)]
    assert query(home, COUNT, hours=set()) == [(0,)]
    assert {row[0]: row[1] for row in query(home, "DESCRIBE raw.amplitude_events", hours=set())} == EVENT_COLUMNS


def test_big_hours_are_cut_and_lose_nothing(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100_000)
    monkeypatch.setattr(planning, "UNIT_BYTES", 10_000)
    monkeypatch.setattr(planning, "SMALL_DAY_BYTES", 1_000)
    customer = company(tmp_path)
    content = {name(DAY + n * HOUR): lines(event(DAY + n * HOUR, i) for i in range(300)) for n in range(3)}
    content[name(DAY, 1)] = lines([event(DAY, 299, server_upload_time=stamp(DAY)), event(DAY, 300)])
    write_zip(tmp_path / "events/a.zip", content)
    result = landed(home, customer)
    assert (result.records, result.staged, result.duplicates) == (902, 901, 1)
    assert query(home, "SELECT count(*), count(DISTINCT uuid) FROM raw.amplitude_events") == [(901, 901)]
    assert len(files_of(home)) > 3
    assert query(home, "SELECT server_upload_time FROM raw.amplitude_events WHERE event_id = 299 AND upload_hour = ("
                       "SELECT min(upload_hour) FROM raw.amplitude_hours)") == [(DAY,)]  # fmt: skip


def test_plain_zlib_lands_the_same(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = company(tmp_path)
    write_zip(tmp_path / "events/a.zip", {name(DAY): lines(event(DAY, n) for n in range(2_000))})
    landed(home, customer)
    monkeypatch.setattr(inflate, "_zlib", zlib)
    other = Home(tmp_path / "other")
    landed(other, customer)
    assert lake(other) == lake(home)


@pytest.mark.parametrize(
    ("file", "hour"),
    [
        ("187654_2025-03-03_0#0.json.gz", 0), ("187654_2025-03-03_23#1234.json.gz", 23),
        ("a-b_2025-03-03_7#2.json.gz", 7),
        ("187654_2025-02-30_1#0.json.gz", None), ("187654_2025-03-03_24#0.json.gz", None), ("x.json.gz", None),
        ("187654_0001-01-01_1#0.json.gz", None), ("187654_2025-03-03_1.json.gz", None),
        ("-Org_2025-03-03_1.json.gz", None),
    ],
)  # fmt: skip
def test_upload_hour_from_names(file: str, hour: int | None) -> None:
    expected = None if hour is None else archive.hour_number(DAY + hour * HOUR)
    assert archive.upload_hour(file) == expected


def test_merge_files_are_no_events_and_first_day_is_known(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_loose(tmp_path / "events", name(DAY + 50 * HOUR), lines([event(DAY + 50 * HOUR)]))
    (tmp_path / "events" / "-Org_2025-03-03_1.json.gz").write_bytes(packed(b'{"amplitude_id": 1}\n'))
    assert planning.first_day(home, customer) == date(2025, 3, 5)
    assert landed(home, customer).quarantined == 0
    assert query(home, "SELECT table_name, row_ref, reason FROM quality.quarantine") == [
        ("merges", "-Org_2025-03-03_1.json.gz:1", "bad_merge")
    ]
