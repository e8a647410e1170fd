"""Extraction against an Export API on this machine: what is asked for, what lands, and what the ledger says of it."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from assets.amplitude import asked
from assets.amplitude.archive import hour_number
from assets.amplitude.due import due_windows
from assets.amplitude.export_api import ExportApi, Patience
from assets.amplitude.extraction import ExtractionResult, extract
from assets.amplitude.ledger import Ledger, usage_watermark
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home
from support.export_archive import DAY, company, event, landed, lines, name, query, stamp, write_loose
from support.fake_export import HOUR, KEY, SECRET, FakeExport, serving

ONE_TRY = Patience(attempts=1)
EVENTS = "SELECT count(*), count(DISTINCT uuid) FROM raw.amplitude_events"


class World:
    """A company of the Export API, its home, and the server it asks."""

    def __init__(self, folder: Path, fake: FakeExport, **events: object) -> None:
        settings = {"source": "amplitude_api", "start_date": "2025-03-03", "path": None} | events
        self.company: Company = company(folder, **settings)
        self.home, self.fake = Home(folder / "home"), fake
        self.archives = self.home.amplitude_lake / "archives"

    def extract(self, until: date | None = None, days: set[date] | None = None, *, again: bool = False,
                patience: Patience = ONE_TRY) -> ExtractionResult:  # fmt: skip
        with ExportApi(self.fake.access(), patience) as api:
            return extract(self.home, self.company, api, self.fake.clock, until, None, days, again=again)

    def states(self) -> dict[datetime, str]:
        with Ledger.open(self.home) as ledger:
            return {hour.upload_hour: hour.state for hour in ledger.hours()}

    def notes(self) -> dict[datetime, str | None]:
        with Ledger.open(self.home) as ledger:
            return {hour.upload_hour: hour.note for hour in ledger.hours() if hour.note}

    def files(self) -> list[str]:
        return sorted(path.name for path in self.archives.iterdir())


@pytest.fixture
def fake() -> Iterator[FakeExport]:
    """Three days with events in every fourth hour, one day and a half of them exportable and settled."""
    server = FakeExport(DAY + timedelta(hours=40))
    for n in range(0, 72, 4):
        server.add(DAY + n * HOUR, [event(DAY + n * HOUR, i) for i in range(5)])
    with serving(server):
        yield server


@pytest.fixture
def world(tmp_path: Path, fake: FakeExport) -> World:
    return World(tmp_path, fake)


def test_everything_exportable_is_fetched_once(world: World) -> None:
    result = world.extract()
    assert (result.fetched, result.empty, result.failed, result.archives) == (10, 28, 0, 2)
    assert result.landing.staged == 50 and query(world.home, EVENTS) == [(50, 50)]
    states = world.states()
    assert list(states)[-1] == DAY + 37 * HOUR and set(states.values()) == {"loaded", "empty"}
    assert usage_watermark(world.home, world.company) == date(2025, 3, 3)
    before = list(world.fake.asked)
    assert world.extract().archives == 0 and world.fake.asked == before
    assert due_windows(world.home, world.company, world.fake.now) == []


def test_a_newer_hour_is_due_as_soon_as_it_can_be_exported(world: World) -> None:
    world.extract()
    world.fake.now += HOUR
    assert [hour for w in due_windows(world.home, world.company, world.fake.now) for hour in w.hours][-1] == (
        hour_number(DAY) + 38
    )


def test_until_keeps_to_hours_before_that_local_midnight(world: World) -> None:
    world.extract(until=date(2025, 3, 3))
    assert max(world.fake.hours_asked) == DAY + 23 * HOUR
    world.extract()
    assert max(world.fake.hours_asked.values()) == 1


def test_a_window_that_is_too_much_is_halved_down_to_an_hour(world: World) -> None:
    world.fake.most_hours = 3
    result = world.extract()
    assert result.failed == 0 and query(world.home, EVENTS) == [(50, 50)]
    widths = [(last - first) // HOUR + 1 for first, last in world.fake.asked]
    assert max(widths) == 24 and min(widths) <= 3


def test_one_hour_over_the_limit_is_recorded_and_holds_only_the_watermark(world: World) -> None:
    bad = DAY + 8 * HOUR
    world.fake.script = lambda first, last, _: (400, {}, b"size over limit") if first <= bad <= last else None
    result = world.extract()
    assert result.failed == 1 and query(world.home, EVENTS) == [(45, 45)]
    assert [hour for hour, state in world.states().items() if state == "failed"] == [bad]
    assert "size over limit" in str(world.notes()[bad])
    assert usage_watermark(world.home, world.company) is None
    world.fake.script = lambda *_: None
    world.extract()
    assert world.states()[bad] == "loaded" and query(world.home, EVENTS) == [(50, 50)]
    assert usage_watermark(world.home, world.company) == date(2025, 3, 3)


def test_an_hour_that_poisons_its_window_ends_up_alone(world: World) -> None:
    bad = DAY + 9 * HOUR
    world.fake.script = lambda first, last, _: (500, {}, b"boom") if first <= bad <= last else None
    for _ in range(6):
        world.extract()
    assert [hour for hour, state in world.states().items() if state == "failed"] == [bad]
    assert query(world.home, EVENTS) == [(50, 50)]


def test_an_outage_stops_asking_and_a_later_extraction_goes_on(tmp_path: Path, fake: FakeExport) -> None:
    fake.now = DAY + timedelta(days=40)
    down = World(tmp_path, fake)
    fake.script = lambda first, *_: (503, {}, b"down") if first >= DAY + timedelta(days=5) else None
    result = down.extract()
    assert result.waiting > 0 and "503" in str(result.problem)
    assert query(down.home, EVENTS) == [(90, 90)]  # what came before it was landed
    fake.script = lambda *_: None
    asked_before = {hour for hour, state in down.states().items() if state in {"loaded", "empty"}}
    fake.asked.clear()
    assert down.extract().waiting == 0
    assert not asked_before & set(fake.hours_asked)
    assert set(down.states().values()) == {"loaded", "empty"}


def test_a_404_in_the_fresh_zone_is_not_ready(world: World) -> None:
    """The server's clock counts: it runs late here, and what it cannot export yet is no emptiness for ever."""
    late = world.fake.now - 2 * HOUR
    world.fake.script = lambda first, last, _: (404, {}, b"") if last + 3 * HOUR > late else None
    world.extract()
    world.fake.script = lambda *_: None
    world.fake.now += timedelta(days=1)
    world.extract()
    assert query(world.home, EVENTS) == [(80, 80)]


def test_a_late_part_is_landed_and_the_older_archive_goes(world: World) -> None:
    world.extract()
    first, hour = world.files(), DAY + 36 * HOUR
    world.fake.add(hour, [event(hour, 50), event(hour, 51)])
    world.fake.add(DAY + 33 * HOUR, [event(DAY + 33 * HOUR, 1)])  # found empty before
    world.fake.now = DAY + timedelta(hours=36 + 27)
    result = world.extract()
    assert query(world.home, EVENTS) == [(16 * 5 + 3, 16 * 5 + 3)]
    attempts = query(
        world.home, "SELECT attempts FROM raw.amplitude_hours WHERE upload_hour = ?".replace("?", f"'{hour}'")
    )
    assert attempts == [(2,)]
    assert result.landing.hours == 2 + 6  # two hours anew, six new ones; unchanged ones are left alone
    assert not set(first[1:]) & set(world.files())  # all of its hours were asked for again
    world.fake.now += timedelta(days=30)
    world.extract()
    assert max(world.fake.hours_asked.values()) == 2


def test_a_part_rewritten_under_the_same_name_replaces_its_hour(world: World) -> None:
    world.extract()
    hour = DAY + 36 * HOUR
    world.fake.parts[hour] = []
    world.fake.add(hour, [event(hour, n) for n in range(2, 9)])
    world.fake.now += timedelta(days=1)
    world.extract()
    found = query(
        world.home, f"SELECT list(event_id ORDER BY event_id) FROM raw.amplitude_events WHERE upload_hour = '{hour}'"
    )
    assert found == [(list(range(2, 9)),)]


def test_nothing_is_lost_when_a_later_answer_is_empty(world: World) -> None:
    world.extract()
    world.fake.parts.clear()
    world.fake.now += timedelta(days=2)
    world.extract()
    assert query(world.home, EVENTS) == [(50, 50)]
    assert world.states()[DAY + 36 * HOUR] == "loaded"


def test_asking_again_for_loaded_days_lands_only_what_changed(world: World) -> None:
    world.extract()
    before = query(world.home, "SELECT upload_hour, attempts, loaded_at FROM raw.amplitude_hours ORDER BY 1")
    result = world.extract(days={date(2025, 3, 3)}, again=True)
    assert result.archives == 1 and result.landing.hours == 0
    assert query(world.home, "SELECT upload_hour, attempts, loaded_at FROM raw.amplitude_hours ORDER BY 1") == before
    assert world.fake.hours_asked[DAY] == 2 and world.fake.hours_asked[DAY + 24 * HOUR] == 1
    assert len(world.files()) == 2


def test_a_backfill_asks_for_what_is_missing_of_its_days(world: World) -> None:
    world.extract(days={date(2025, 3, 4)})
    assert min(world.fake.hours_asked) == DAY + 24 * HOUR
    assert world.states()[DAY] == "not_ready"
    world.extract(days={date(2025, 3, 3), date(2025, 3, 4)})
    assert max(world.fake.hours_asked.values()) == 1 and query(world.home, EVENTS) == [(50, 50)]


def test_archives_can_be_let_go_and_late_parts_still_land(tmp_path: Path, fake: FakeExport) -> None:
    lean = World(tmp_path, fake, keep_archives=False)
    lean.extract()
    assert lean.files() == [] and query(lean.home, EVENTS) == [(50, 50)]
    with Ledger.open(lean.home) as ledger:
        kept = ledger.con.execute("SELECT state, length(sha256) FROM downloads").fetchall()
    assert kept == [("cleared", 64)] * 2
    lean.extract()
    assert max(fake.hours_asked.values()) == 1
    fake.add(DAY + 36 * HOUR, [event(DAY + 36 * HOUR, 60)])
    fake.now += timedelta(days=1)
    lean.extract()
    assert query(lean.home, EVENTS) == [(81, 81)] and lean.files() == []


def test_a_hopeless_hour_is_accepted_with_a_reason_until_a_good_copy_comes(world: World) -> None:
    bad = DAY + 8 * HOUR
    world.fake.script = lambda first, last, _: (400, {}, b"no") if first <= bad <= last else None
    world.extract()
    assert asked.accept(world.home, hour_number(bad), "too big for the API, Amplitude ticket 7") == "failed"
    assert world.states()[bad] == "accepted" and "ticket 7" in str(world.notes()[bad])
    assert usage_watermark(world.home, world.company) == date(2025, 3, 3)
    assert due_windows(world.home, world.company, world.fake.now) == []
    world.fake.script = lambda *_: None
    world.extract(days={date(2025, 3, 3)}, again=True)
    assert world.states()[bad] == "loaded" and bad not in world.notes()


def test_only_hours_that_wait_can_be_accepted(world: World) -> None:
    world.extract()
    for hour, word in ((DAY, "loaded"), (DAY + HOUR, "empty"), (DAY - HOUR, "does not know")):
        with pytest.raises(InputError, match=word):
            asked.accept(world.home, hour_number(hour), "because")
    with pytest.raises(InputError, match="reason"):
        asked.accept(world.home, hour_number(DAY), "  ")
    with pytest.raises(InputError, match="upload hour"):
        asked.parse_hour("2025-03-03")
    assert {asked.parse_hour(text) for text in ("2025-03-03T05", "2025-03-03 05:00", "2025-03-03T5h")} == {
        hour_number(DAY + 5 * HOUR)
    }


def test_damaged_files_are_asked_for_again_a_day_later(world: World) -> None:
    good = world.fake.parts[DAY + 36 * HOUR]
    world.fake.parts[DAY + 36 * HOUR] = [b'{"broken']
    world.extract()
    assert query(world.home, "SELECT count(*) FROM quality.quarantine") == [(1,)]
    world.fake.parts[DAY + 36 * HOUR] = good
    world.fake.now += timedelta(days=1)
    world.extract()
    assert query(world.home, EVENTS) == [(80, 80)]
    assert query(world.home, "SELECT count(*) FROM quality.quarantine") == [(0,)]


def test_an_archive_that_disappears_before_landing_is_fetched_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("assets.amplitude.extraction.plan", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            world.extract()
    lost = next(iter(sorted(world.archives.glob("20250303*.zip"))))
    lost.unlink()
    world.extract()
    assert query(world.home, EVENTS) == [(50, 50)]
    assert world.fake.hours_asked[DAY] == 2 and world.fake.hours_asked[DAY + 24 * HOUR] == 1


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_refused_credentials_stop_at_once_and_keep_what_came(world: World) -> None:
    world.fake.script = lambda first, *_: (403, {}, b"Invalid API Key") if first > DAY else None
    with pytest.raises(InputError, match="refused the credentials"):
        world.extract()
    world.fake.script = lambda *_: None
    world.extract()
    assert query(world.home, EVENTS) == [(50, 50)]


def test_secrets_are_nowhere_below_the_home_nor_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    basic = base64.b64encode(f"{KEY}:{SECRET}".encode())
    echo = KEY.encode() + b" " + SECRET.encode() + b" " + basic + b" " + quote(SECRET).encode()
    world.fake.script = lambda first, last, _: (500, {}, echo) if first == DAY else None
    with caplog.at_level(logging.DEBUG):
        world.extract()
    said = "".join(capfd.readouterr()) + caplog.text
    kept = b"".join(path.read_bytes() for path in world.home.root.rglob("*") if path.is_file()) + said.encode()
    forms: list[Callable[[str], bytes]] = [
        str.encode, lambda text: base64.b64encode(text.encode()), lambda text: quote(text, "").encode()
    ]  # fmt: skip
    assert b"HTTP 500" in kept
    for secret in (KEY, SECRET, f"{KEY}:{SECRET}"):
        for form in forms:
            assert form(secret) not in kept
    assert basic not in kept


def test_resends_across_batches_are_decided_once(
    tmp_path: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.amplitude.extraction._BATCH_BYTES", 1)
    same = {"insert_id": "once", "device_id": "d"}
    for n in (2, 30):
        sent = stamp(DAY + n * HOUR)
        fake.add(DAY + n * HOUR, [event(DAY + n * HOUR, 90 + n, **same, server_upload_time=sent)])
    result = World(tmp_path, fake).extract()
    assert (result.landing.records, result.landing.staged, result.landing.duplicates) == (52, 51, 1)


def test_many_small_windows_are_all_fetched_in_few_landings(
    tmp_path: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.amplitude.extraction._BATCH_ARCHIVES", 2)
    fake.now = DAY + timedelta(days=60)
    for n in range(72, 60 * 24, 24):
        fake.add(DAY + n * HOUR, [event(DAY + n * HOUR, 1)])
    result = World(tmp_path, fake).extract()
    assert (result.waiting, result.archives) == (0, 60)
    assert fake.most_at_once <= 4


def test_a_ledger_of_the_former_format_is_brought_up_to_date(world: World) -> None:
    with Ledger.open(world.home) as ledger:
        for table in ("requested", "downloads", "accepted"):
            ledger.con.execute(f"DROP TABLE {table}")
        ledger.set_meta("format", "1")
    with Ledger.open_read_only(world.home) as ledger:
        assert ledger.hours() == [] and ledger.meta("format") == "2"
    world.extract()
    assert query(world.home, EVENTS) == [(50, 50)]


def test_accepting_works_for_a_folder_of_exports_too(tmp_path: Path) -> None:
    customer, home = company(tmp_path), Home(tmp_path / "home")
    write_loose(tmp_path / "events", name(DAY), lines([event(DAY)]))
    write_loose(tmp_path / "events", name(DAY + HOUR), lines([event(DAY + HOUR)])).write_bytes(b"no gzip")
    landed(home, customer)
    before = asked.ledger_token(home, customer)
    assert asked.accept(home, hour_number(DAY + HOUR), "the file is gone for good") == "failed"
    assert before == "" != asked.ledger_token(home, customer)
    with Ledger.open(home) as ledger:
        assert [hour.state for hour in ledger.hours()] == ["loaded", "accepted"]
