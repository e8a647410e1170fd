"""An extraction killed at any point, then run again, ends as if nothing had happened, and asks for nothing twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assets.amplitude import asked
from assets.amplitude.archive import archives_folder, hour_number
from assets.amplitude.export_api import ExportApi, Patience
from assets.amplitude.extraction import extract
from assets.amplitude.ledger import Ledger
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home
from support.export_archive import DAY, company, event, lake
from support.fake_export import HOUR, FakeExport, serving
from support.killing import run_child

_CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from pydantic import SecretStr
from assets.amplitude import asked, commit, export_api, extraction, land_unit, landing, ledger
from assets.amplitude.access import Access
from assets.home import Home
from support.fake_export import KEY, SECRET
from support.export_archive import company
from support.killing import Steps

fragile = Steps(int(sys.argv[2])).fragile

for module in (export_api, commit, land_unit):
    fragile(module, "make_durable")
fragile(export_api, "damage")
fragile(asked, "_answer")
fragile(asked, "_retire")
fragile(ledger.Ledger, "add_segment")
fragile(landing, "settle")
fragile(extraction, "plan")
folder, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[4])
settings = {"source": "amplitude_api", "start_date": "2025-03-03", "path": None, "keep_archives": sys.argv[5] == "keep"}
access = Access(sys.argv[3], SecretStr(KEY), SecretStr(SECRET), lambda: now)
with export_api.ExportApi(access) as api:
    extraction.extract(Home(folder / "home"), company(folder, **settings), api, access.now)
"""


@pytest.fixture
def fake() -> Iterator[FakeExport]:
    server = FakeExport(DAY + timedelta(hours=80))
    for n in range(0, 120, 3):
        server.add(DAY + n * HOUR, [event(DAY + n * HOUR, i) for i in range(4)])
    with serving(server):
        yield server


def _company(folder: Path, keep: bool = True) -> Company:
    return company(folder, source="amplitude_api", start_date="2025-03-03", path=None, keep_archives=keep)


def _extract(folder: Path, fake: FakeExport, keep: bool = True) -> None:
    with ExportApi(fake.access(), Patience(attempts=1)) as api:
        extract(Home(folder / "home"), _company(folder, keep), api, fake.clock)


def _late_parts(fake: FakeExport) -> None:
    """A day later: some hours have more parts, some have other ones."""
    fake.now += timedelta(hours=30)
    for n in (66, 67, 75):
        fake.add(DAY + n * HOUR, [event(DAY + n * HOUR, i) for i in (2, 40, 41)])


def _recorded(home: Home) -> set[str]:
    """Hours that the ledger has an answer for, with the moment it was asked for."""
    with Ledger.open(home) as ledger:
        asked.tidy(ledger, archives_folder(home))  # what a crash kept out of the ledger counts as recorded
        rows = ledger.con.execute("SELECT hour || '@' || asked_at FROM requested WHERE answer <> 'failed'").fetchall()
    return {row for (row,) in rows}


@pytest.mark.parametrize(("point", "keep"), [(2, True), (6, True), (9, False), (15, True), (24, False), (30, True)])
def test_killed_at_some_points_a_rerun_ends_as_if_undisturbed(
    tmp_path: Path, fake: FakeExport, point: int, keep: bool
) -> None:
    _kill_and_rerun(tmp_path, fake, point, keep)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("point", range(1, 50, 3))
def test_killed_at_any_point_a_rerun_ends_as_if_undisturbed(
    tmp_path: Path, fake: FakeExport, point: int, keep: bool
) -> None:
    _kill_and_rerun(tmp_path, fake, point, keep)


def _kill_and_rerun(tmp_path: Path, fake: FakeExport, point: int, keep: bool) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        fake.now = DAY + timedelta(hours=80)
        _extract(folder, fake, keep)
    _late_parts(fake)
    _extract(calm, fake, keep)
    kept = "keep" if keep else "clear"
    code = run_child(_CHILD, killed, point, fake.url, fake.now.isoformat(), kept)
    assert code in {-signal.SIGKILL, 0} and (code or point > 30)
    home = Home(killed / "home")
    recorded = _recorded(home)
    fake.asked.clear()
    _extract(killed, fake, keep)
    after = _recorded(home)
    moved = {hour for hour in fake.hours_asked if any(f"{hour_number(hour)}@" in row for row in recorded & after)}
    assert not moved, "an hour whose answer was recorded was asked for again"
    assert lake(home) == lake(Home(calm / "home"))
    folder = archives_folder(home)
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        p.name for p in archives_folder(Home(calm / "home")).iterdir()
    )


def test_a_finished_archive_that_a_crash_kept_out_of_the_ledger_is_adopted(tmp_path: Path, fake: FakeExport) -> None:
    _extract(tmp_path, fake)
    home = Home(tmp_path / "home")
    before = lake(home)
    home.ledger.unlink()  # the worst case: nothing was ever recorded
    (home.amplitude_lake / "archives" / ".x.zip.part").write_bytes(b"half")
    damaged = sorted((home.amplitude_lake / "archives").glob("20250304*.zip"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-30])
    fake.asked.clear()
    _extract(tmp_path, fake)
    assert {first for first, _ in fake.asked} == {DAY + 24 * HOUR}
    assert lake(home) == before
    assert not list((home.amplitude_lake / "archives").glob(".*"))


def test_a_full_disk_leaves_what_is_landed_and_ends_in_words(
    tmp_path: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("assets.amplitude.export_api._FREE_BYTES", 1 << 60)
        with pytest.raises(InputError, match="cannot be written"):
            _extract(tmp_path, fake)
    _extract(tmp_path, fake)
    assert len(lake(Home(tmp_path / "home"))[0][1]) == 26 * 4
    assert max(fake.hours_asked.values()) <= 2
