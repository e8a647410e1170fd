"""A year of a small project, extracted through everything that an Export API and a machine do to it in a year: nothing
is lost, nothing is doubled, and nothing that was recorded is downloaded again but by the rule for late parts."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assets.amplitude.due import due_windows
from assets.amplitude.export_api import MOST_REQUESTS, Stopped
from assets.amplitude.extraction import ExtractionResult
from assets.amplitude.ledger import Ledger, usage_watermark
from pipelines.sandbox.server import AmplitudeServer, Fault
from support import amplitude_server
from support.amplitude_server import HOUR, Clock
from support.export_archive import DAY
from support.scripted_year import (
    BIG_DAY,
    BIG_HOUR,
    DAYS,
    ONE_DAY,
    Project,
    Year,
    assert_nothing_lost_nothing_doubled,
    client,
    hours_between,
    hours_of,
    is_fresh,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPORT = "/api/2/export"
MORNING = timedelta(hours=10, minutes=15)
KILLS = 50
When = Callable[[str, str, Mapping[str, str]], bool]


@pytest.fixture
def clock() -> Clock:
    return Clock(DAY)


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[AmplitudeServer]:
    with amplitude_server.server(tmp_path, clock) as running:
        yield running


@pytest.fixture
def year(server: AmplitudeServer, clock: Clock) -> Year:
    year = Year(server, clock, seed=2025)
    server.max_bytes = year.big_bytes
    return year


@pytest.fixture
def project(tmp_path: Path, server: AmplitudeServer) -> Project:
    return Project(tmp_path / "company", server.url)


def _fault(status: int, times: int | None = 1, since: datetime = DAY, after: int | None = None) -> Fault:
    """An answer in place of windows that begin at ``since`` or later."""
    return Fault(EXPORT, status=status, times=times, retry_after=after, when=_asks(lambda first: first >= since))


def _asks(fits: Callable[[datetime], bool]) -> When:
    return lambda method, path, query: fits(hours_between(query)[0])


class Script:
    """What goes wrong in which month, and for which days an answer was spoilt on its way, so that it had to be asked
    for twice."""

    def __init__(self, year: Year) -> None:
        self._year = year
        self.spoilt: list[datetime] = []

    def month(self, number: int) -> list[Fault]:
        """The faults of the number-th thirty days; the third and the eighth month end in an outage."""
        since = DAY + (30 * number + 15) * ONE_DAY
        script = {
            0: [_fault(429, 12, after=15)],
            1: [_fault(429, 12)],
            2: [_fault(status, times) for status, times in ((500, 3), (502, 2), (503, 3), (504, 4))],
            3: [_fault(503, None, since)],
            4: self._bodies(number, "reset", "short", "corrupt", "truncated"),
            5: [Fault(EXPORT, "hang", 8, seconds=0.15)],
            6: [*self._bodies(number, "corrupt", "corrupt", "reset"), _fault(429, 4, after=30)],
            7: [_fault(429, None, since, after=1800)],
            8: [fault for _ in range(5) for fault in (_fault(429, 1), _fault(429, 1, after=10))],
            9: [_fault(504, 30, since)],
            11: [*self._bodies(number, "short", "truncated"), _fault(503, 5)],
        }
        return script.get(number, [])

    def _bodies(self, number: int, *kinds: str) -> list[Fault]:
        days = self._year.filled_days(30 * number + 2, 30 * number + 28)[: len(kinds)]
        self.spoilt += days
        return [
            Fault(EXPORT, kind, when=_asks(lambda first, day=day: day <= first < day + ONE_DAY))  # type: ignore[arg-type,misc]
            for kind, day in zip(kinds, days, strict=True)
        ]


def test_a_year_of_trouble_loses_nothing_and_doubles_nothing(
    year: Year, project: Project, server: AmplitudeServer, clock: Clock
) -> None:
    script, asked_at = Script(year), list[datetime]()
    late: set[datetime] = set()

    def extract(now: datetime) -> ExtractionResult:
        clock.now = now
        asked_at.append(now)
        return project.extract(now)

    for month in range(12):
        now = DAY + 30 * (month + 1) * ONE_DAY + MORNING
        server.faults.add(*script.month(month))
        server.max_bytes = year.big_bytes - (month == 1)  # for one month even the big hour alone is too much
        result = extract(now)
        if month in {3, 7}:
            # how many requests failed before it was taken for an outage, and the rest was left waiting, is chance
            assert result.waiting + result.failed and ("503" if month == 3 else "wait 1800 s") in str(result.problem)
            result = extract(now + HOUR)
            assert result.waiting + result.failed, "it is not over yet"
            server.faults.clear()
            result = extract(now + 6 * HOUR)
        assert result.waiting == 0 and server.faults.left == 0
        assert (result.problem is None) == (month != 1)
        if month == 1:
            assert _states(project)[BIG_HOUR] == "failed"
            assert usage_watermark(project.home, project.company) == (BIG_DAY - ONE_DAY).date()
        late.update(year.add_late_parts())
    for day in range(361, DAYS + 3):
        server.faults.add(_fault(429, 2), _fault(502, 1))
        result = extract(DAY + day * ONE_DAY + MORNING)
        assert (result.waiting, result.problem) == (0, None)
        if day < DAYS:
            late.update(year.add_late_parts())

    assert_nothing_lost_nothing_doubled(project, server)
    states = _states(project)
    assert len(late) > 50 and {states[hour] for hour in late} == {"loaded"}
    assert usage_watermark(project.home, project.company) == clock.now.date() - ONE_DAY
    answered = hours_of(server)
    for hour in states:
        spoilt = script.spoilt.count(hour.replace(hour=0))
        checked = any(hour + 3 * HOUR <= now and is_fresh(hour, now) for now in asked_at)
        assert 1 <= answered[hour] <= 1 + checked + spoilt, hour


def test_an_interrupted_backfill_of_the_year_downloads_nothing_twice(
    year: Year, project: Project, server: AmplitudeServer, clock: Clock
) -> None:
    clock.now = now = DAY + (DAYS + 2) * ONE_DAY + MORNING

    def interrupt(what: str, done: int, total: int) -> None:
        if "asking" in what and done > total / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.extract(now, interrupt)
    first, seen = project.final_hours(), len(server.requests)
    assert len(first) > DAYS * 24 / 4 and seen < DAYS / 2
    api = client(server.url)  # as when the process is told to end: the client is closed while threads use it
    with pytest.raises((Stopped, RuntimeError)):
        project.extract(now, lambda what, done, total: api.close() if done > total / 2 else None, api)
    second = project.final_hours()
    assert not first & hours_of(server, seen).keys() and len(second) > len(first)
    seen = len(server.requests)
    project.extract(now)
    assert not second & hours_of(server, seen).keys()
    twice = [hour for hour, times in hours_of(server).items() if times > 1]
    assert len(twice) <= 2 * MOST_REQUESTS * 24  # at most what was on its way at the interruptions
    project.extract(now)
    assert_nothing_lost_nothing_doubled(project, server)


def _states(project: Project) -> dict[datetime, str]:
    with Ledger.open(project.home) as ledger:
        return {hour.upload_hour: hour.state for hour in ledger.hours()}


def test_fifty_kills_over_the_year_lose_nothing_and_double_nothing(
    year: Year, project: Project, server: AmplitudeServer, clock: Clock
) -> None:
    rng, killed, tries = random.Random(50), 0, 0
    while killed < KILLS:
        tries += 1
        assert tries < 2 * KILLS, f"only {killed} of {tries} children were killed in time"
        clock.now = DAY + min(7 * (killed + 1), DAYS - 1) * ONE_DAY + MORNING
        server.faults.clear()
        final, seen = project.final_hours(), len(server.requests)
        pending = len(due_windows(project.home, project.company, clock.now))
        killed += _child(project, server, clock, rng, pending, by_request=bool(tries % 3 == 0)) != 0
        assert not final & hours_of(server, seen).keys(), "a recorded hour was downloaded again"
        if killed % 3 == 0:
            year.add_late_parts()
    server.faults.clear()
    for day in (DAYS + 1, DAYS + 3):
        clock.now = DAY + day * ONE_DAY + MORNING
        final, seen = project.final_hours(), len(server.requests)
        result = project.extract(clock.now)
        assert (result.waiting, result.problem) == (0, None)
        assert not final & hours_of(server, seen).keys()
    assert_nothing_lost_nothing_doubled(project, server)


def _child(
    project: Project, server: AmplitudeServer, clock: Clock, rng: random.Random, pending: int, *, by_request: bool
) -> int:
    """One extraction in a process of its own that is killed at a seeded point: a while after one of its requests, or
    at one of its steps. Returns how it ended: 0 when it was too quick."""
    step = 0 if by_request else rng.randint(1, 120 + 110 * pending)  # about as many as it takes
    at_request, pause = rng.randint(1, max(pending, 1)), rng.uniform(0, 0.3)
    asked: list[str] = []

    def strike(*_: object) -> bool:
        asked.append("")
        if by_request and len(asked) == at_request:
            threading.Timer(pause, child.kill).start()
        return False

    bad = [_fault(rng.choice([429, 503, 504]), rng.randint(1, 4)), Fault(EXPORT, rng.choice(["corrupt", "short"]))]
    server.faults.add(Fault(EXPORT, status=500, times=None, when=strike), *bad)
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    command = [sys.executable, "-m", "support.scripted_year", str(project.company.folder), server.url]
    child = subprocess.Popen([*command, clock.now.isoformat(), str(step)], env=environment, stdout=subprocess.DEVNULL)
    code = child.wait(timeout=120)
    assert code in {0, -9}
    return code
