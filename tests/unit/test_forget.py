"""Forgetting users: gone from the lake, not brought back by any landing, and every record still accounted for."""

from __future__ import annotations

import signal
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude import ledger
from assets.amplitude.erasure import Erased, ask_to_erase, erase
from assets.amplitude.landing import land, plan
from assets.amplitude.ledger import Ledger
from assets.company.model import Company
from assets.errors import InputError
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
    sent_at,
    stamp,
    write_loose,
    write_zip,
)
from support.killing import run_child

HOUR = timedelta(hours=1)
EVE = "eve@näive.org"
KEY = "0123456789abcdef0123456789abcdef"
USERS = "SELECT user_id, count(*) FROM raw.amplitude_events GROUP BY ALL ORDER BY ALL"
COUNTS = "SELECT sum(records), sum(staged), sum(duplicates), sum(quarantined), sum(erased) FROM raw.amplitude_hours"
OFF = """SELECT count(*) FROM raw.amplitude_hours
    WHERE records <> staged + duplicates + quarantined + erased AND records IS NOT NULL"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _export(folder: Path) -> None:
    """Three hours: Eve alone on a device and on a shared one, in capitals, twice over, and in a line cut short."""
    for n in (0, 1, 30):
        hour = DAY + n * HOUR
        own: dict[str, Any] = {"user_id": EVE, "device_id": "eves"}
        rows = [
            *(event(hour, i, user_id=f"user-{i}", device_id="shared") for i in range(3)),
            *(event(hour, 10 + i, **own) for i in range(3)),
            event(hour, 11, **own),  # the same uuid again
            event(hour, 13, **own, insert_id="again", **sent_at(DAY)),  # the same event in every hour
            event(hour, 14, user_id=EVE, device_id="shared"),
            event(hour, 15, user_id=None, device_id="eves"),
            event(hour, 16, user_id=None, device_id="shared"),
            event(hour, 17, user_id=EVE.upper(), device_id="hers"),
        ]
        cut = b'{"user_id": "eve@n\\u00e4ive.org", \n' if n == 1 else b""
        write_loose(folder / "events", name(hour), lines(rows) + cut)


def _forget(home: Home, customer: Company, **ids: list[str]) -> Erased:
    ask_to_erase(home, customer, ids)
    return erase(home, customer)


def _texts(home: Home) -> str:
    texts = [column_text(path) for path in home.amplitude_lake.rglob("*.parquet")]
    return "".join(texts) + home.ledger.read_bytes().decode("latin-1")


def test_a_user_leaves_the_lake_with_the_events_of_devices_that_were_theirs_alone(tmp_path: Path, home: Home) -> None:
    _export(tmp_path)
    customer = company(tmp_path)
    landed(home, customer)
    assert query(home, COUNTS) == [(37, 31, 5, 1, 0)]
    built = ledger.sequence(home)
    erased = _forget(home, customer, user=[EVE])
    assert (erased.events, erased.archives) == (3 * 6, 0)
    assert query(home, USERS) == [(EVE.upper(), 3), ("user-0", 3), ("user-1", 3), ("user-2", 3), (None, 3)]
    assert query(home, COUNTS) == [(37, 15, 3, 1, 18)] and query(home, OFF) == [(0,)]
    assert ledger.pending_hours(home, built) == {DAY, DAY + HOUR, DAY + 30 * HOUR}
    assert not any(word in _texts(home) for word in (EVE, "eves", "eve@", r"eve@n\\u00e4ive"))
    with Ledger.open(home) as book:
        assert {path.relative_to(home.amplitude_lake).as_posix() for path in files_of(home)} == book.files() - {
            file for file in book.files() if file.startswith("quarantine")
        }


def test_read_again_exported_again_or_landed_anew_they_stay_away(tmp_path: Path, home: Home) -> None:
    _export(tmp_path)
    customer = company(tmp_path)
    landed(home, customer)
    _forget(home, customer, user=[EVE])
    after = lake(home)
    land(home, customer, plan(home, customer, land_again={DAY.date(), (DAY + 30 * HOUR).date()}))
    assert lake(home) == after and query(home, OFF) == [(0,)]
    assert query(home, COUNTS) == [(37, 15, 3, 1, 18)]
    assert EVE not in _texts(home)
    late = DAY + 2 * HOUR  # an hour nobody had seen, with nothing but them in it
    write_loose(tmp_path / "events", name(late), lines([event(late, n, user_id=EVE) for n in range(3)]))
    result = landed(home, customer)
    assert (result.records, result.staged, result.erased) == (3, 0, 3) and query(home, OFF) == [(0,)]
    assert EVE not in _texts(home)


def test_forgotten_before_the_first_landing_is_forgotten_as_well(tmp_path: Path) -> None:
    _export(tmp_path)
    customer, early, late = company(tmp_path), Home(tmp_path / "early"), Home(tmp_path / "late")
    assert _forget(early, customer, user=[EVE]).events == 0
    landed(early, customer)
    landed(late, customer)
    _forget(late, customer, user=[EVE])
    # whose alone a device is can only be told from events that have landed
    anonymous = "SELECT count(*) FROM raw.amplitude_events WHERE user_id IS NULL"
    assert (query(early, anonymous), query(late, anonymous)) == ([(6,)], [(3,)])
    known = "SELECT * FROM raw.amplitude_events WHERE user_id IS NOT NULL ORDER BY uuid"
    assert query(early, known) == query(late, known) and query(early, OFF) == [(0,)]


def test_again_it_changes_nothing(tmp_path: Path, home: Home) -> None:
    _export(tmp_path)
    customer = company(tmp_path)
    landed(home, customer)
    _forget(home, customer, user=[EVE])
    after, files = lake(home), files_of(home)
    assert _forget(home, customer, user=[EVE, "nobody"]) == Erased()
    assert lake(home) == after and files_of(home) == files and plan(home, customer).is_empty


def test_a_device_and_an_amplitude_id_can_be_forgotten_whoever_used_them(tmp_path: Path, home: Home) -> None:
    _export(tmp_path)
    customer = company(tmp_path)
    landed(home, customer)
    assert _forget(home, customer, device=["shared"], amplitude=["7000000017"]).events == 3 * (5 + 1)
    assert query(home, "SELECT DISTINCT device_id FROM raw.amplitude_events") == [("eves",)]
    assert query(home, OFF) == [(0,)]


def test_a_user_whose_event_survived_a_repeat_of_anothers_hands_it_on(tmp_path: Path, home: Home) -> None:
    same: dict[str, Any] = {"insert_id": "one", "device_id": "d"}
    for n, user in enumerate((EVE, "user-1")):
        hour = DAY + n * HOUR
        write_loose(tmp_path / "events", name(hour), lines([event(hour, n, user_id=user, **same)]))
    customer = company(tmp_path)
    landed(home, customer)
    assert query(home, USERS) == [(EVE, 1)]
    _forget(home, customer, user=[EVE])
    assert query(home, USERS) == [("user-1", 1)]
    assert query(home, COUNTS) == [(2, 1, 0, 0, 1)]


def test_with_hashed_ids_the_plain_id_is_given(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENS_HASH_KEY", KEY)
    _export(tmp_path)
    customer = company(tmp_path, hash_user_ids=True)
    landed(home, customer)
    assert _forget(home, customer, user=[EVE]).events == 18
    after = lake(home)
    days = {DAY.date(), (DAY + 30 * HOUR).date()}
    land(home, customer, plan(home, customer, land_again=days))
    assert lake(home) == after and query(home, COUNTS) == [(37, 15, 3, 1, 18)]
    monkeypatch.setenv("LENS_HASH_KEY", KEY[::-1])  # another key: all is read again, and they are still known
    with pytest.raises(InputError):
        ask_to_erase(home, customer, {"user": ["user-1"]})
    land(home, customer, plan(home, customer, land_again=days))
    assert query(home, COUNTS) == [(37, 15, 3, 1, 18)]


def test_downloaded_archives_with_them_go_once_all_their_hours_are_landed(tmp_path: Path, home: Home) -> None:
    folder = home.amplitude_lake / "archives"
    customer = company(tmp_path, path=str(folder))
    for day, user in enumerate((EVE, "user-1")):
        hours = [DAY + timedelta(days=day, hours=n) for n in range(2)]
        members = {name(hour): lines([event(hour, user_id=user if hour == hours[0] else "user-2")]) for hour in hours}
        write_zip(folder / f"{day}.zip", members)
    land(home, customer, plan(home, customer, until=DAY.date()))
    own = write_loose(tmp_path / "own", name(DAY), lines([event(user_id=EVE)]))
    assert _forget(home, customer, user=[EVE]) == Erased(events=1, files=1, archives=1)
    assert sorted(path.name for path in folder.iterdir()) == ["0.zip.dropped", "1.zip"] and own.exists()
    landed(home, customer)
    assert query(home, "SELECT state, erased FROM raw.amplitude_hours WHERE records > 0 ORDER BY upload_hour") == [
        ("loaded", 1), ("loaded", 0), ("loaded", 0), ("loaded", 0),
    ]  # fmt: skip
    late = DAY + timedelta(days=2)
    with zipfile.ZipFile(folder / "2.zip", "w") as archive:
        archive.writestr(name(late), packed(lines([event(late, user_id=EVE, event_time=stamp(late))])))
    landed(home, customer)
    assert sorted(path.name for path in folder.glob("*.zip")) == ["1.zip"]


def test_an_empty_id_is_refused(tmp_path: Path, home: Home) -> None:
    for ids in ({}, {"user": []}, {"user": ["a", " "]}):
        with pytest.raises(InputError, match="no id to forget"):
            ask_to_erase(home, company(tmp_path), ids)


_CHILD = """
import sys
from pathlib import Path
from assets.amplitude import erasure, ledger
from assets.home import Home
from support.export_archive import company
from support.killing import Steps

fragile = Steps(int(sys.argv[2])).fragile

for name in ("make_durable", "drop_raw_lines", "settle", "sweep", "drop_archives", "write"):
    fragile(erasure, name)
fragile(ledger.Ledger, "drop_segment")
fragile(ledger.Ledger, "touch")
folder = Path(sys.argv[1])
erasure.erase(Home(folder / "home"), company(folder))
"""


@pytest.mark.parametrize("point", [1, 2, 3, 4, 6, 8, 11, 14, 15, 17, 19, 21])
@pytest.mark.parametrize("mended_by", ["forget", "landing"])
def test_killed_at_any_point_it_is_mended_by_running_again_or_by_the_next_landing(
    tmp_path: Path, point: int, mended_by: str
) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        _export(folder)
        landed(Home(folder / "home"), company(folder))
        ask_to_erase(Home(folder / "home"), company(folder), {"user": [EVE]})
    erase(Home(calm / "home"), company(calm))
    assert run_child(_CHILD, killed, point) == -signal.SIGKILL
    home, customer = Home(killed / "home"), company(killed)
    if mended_by == "forget":
        erase(home, customer)
    else:
        assert not plan(home, customer).is_empty
        landed(home, customer)
    assert lake(home) == lake(Home(calm / "home"))
    assert query(home, COUNTS) == [(37, 15, 3, 1, 18)]
    assert not any(word in _texts(home) for word in (EVE, "eves"))
