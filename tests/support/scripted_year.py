"""A year of a small project on the local Amplitude server, a client whose waiting takes no time, and, run as a module,
one extraction that kills itself after so many steps."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import FrameType

import duckdb
from pydantic import SecretStr

from assets.amplitude import extraction
from assets.amplitude.access import Access
from assets.amplitude.archive import archives_folder
from assets.amplitude.convert import parquet
from assets.amplitude.export_api import ExportApi, Patience
from assets.amplitude.ledger import Ledger
from assets.company.model import Company
from assets.home import Home
from assets.progress import Progress
from pipelines.sandbox.server import AmplitudeServer
from support.amplitude_server import API_KEY, HOUR, SECRET_KEY, Clock
from support.export_archive import DAY, company, event, files_of, lines, packed, query

DAYS = 365
ONE_DAY = timedelta(days=1)
# A day whose export is over the limit of size: one hour of it alone is as much as the server gives.
BIG_DAY = DAY + timedelta(days=40)
BIG_HOUR, BIG_EVENTS = BIG_DAY + 10 * HOUR, 400
# Nobody worked in these days.
_QUIET_DAYS = range(100, 109)
_FRESH = timedelta(hours=27)  # an hour answered sooner after its start is asked for once more


class VirtualTime:
    """Sleeping takes no time, and yet time has passed afterwards: retry budgets run out as they would."""

    def __init__(self) -> None:
        self._now, self._lock = 0.0, threading.Lock()

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


def client(url: str) -> ExportApi:
    """Its budget, not the number of its attempts, ends its patience."""
    time = VirtualTime()
    access = Access(url, SecretStr(API_KEY), SecretStr(SECRET_KEY), lambda: DAY)
    patience = Patience(attempts=1_000, budget_seconds=900, connect_seconds=10, read_seconds=10)
    return ExportApi(access, patience, sleep=time.sleep, monotonic=time.monotonic, rng=random.Random(3))


class Year:
    """The server's side: what it holds, and what comes to it late."""

    def __init__(self, server: AmplitudeServer, clock: Clock, seed: int) -> None:
        self.server, self.clock = server, clock
        self._rng, self._parts = random.Random(seed), Counter[datetime]()
        for number in range(DAYS):
            day = DAY + number * ONE_DAY
            if number in _QUIET_DAYS or self._rng.random() < 0.15:
                continue
            for hour in self._rng.sample(range(24), self._rng.randint(1, 4)):
                self.add(day + hour * HOUR, self._rng.randint(1, 4))
        for hour in (BIG_HOUR - HOUR, BIG_HOUR + HOUR):
            self.add(hour, 3)
        self.big_bytes = self.add(BIG_HOUR, BIG_EVENTS)

    def add(self, hour: datetime, events: int, repeated: int = 0) -> int:
        """One more part of an hour; ``repeated`` events of its first part come again. Returns its size."""
        part = self._parts[hour]
        numbers = [*range(part * 1000, part * 1000 + events), *range(repeated if part else 0)]
        content = packed(lines(event(hour, number) for number in numbers))
        self.server.seed(hour, part, content, events)
        self._parts[hour] += 1
        return len(content)

    def filled_days(self, first: int, last: int) -> list[datetime]:
        """Days with events among the days of these numbers."""
        days = [DAY + number * ONE_DAY for number in range(first, last)]
        return [day for day in days if any(day <= hour < day + ONE_DAY for hour in self._parts)]

    def add_late_parts(self) -> list[datetime]:
        """Parts that come after their hours could be exported, for some hours of the newest day: filled and empty
        ones, some with an event that was there before."""
        newest = self.clock.now.replace(minute=0) - 3 * HOUR
        late = [newest - number * HOUR for number in self._rng.sample(range(24), 3)]
        filled = [hour for hour in self._parts if newest - 24 * HOUR < hour <= newest]
        late += filled[:1]
        for hour in late:
            self.add(hour, self._rng.randint(1, 3), repeated=1)
        return late


class Project:
    """The client's side: a company that extracts this year, and its home."""

    def __init__(self, folder: Path, url: str) -> None:
        self.company: Company = company(folder, source="amplitude_api", start_date=f"{DAY:%Y-%m-%d}", path=None)
        self.home, self._url = Home(folder / "home"), url

    def extract(
        self, now: datetime, progress: Progress | None = None, api: ExportApi | None = None
    ) -> extraction.ExtractionResult:
        with api or client(self._url) as asking:
            return extraction.extract(self.home, self.company, asking, lambda: now, None, progress)

    def final_hours(self) -> set[datetime]:
        """Recorded hours that no rule asks for again."""
        if not self.home.ledger.exists():
            return set()
        with Ledger.open_read_only(self.home) as ledger:
            rows = ledger.con.execute("SELECT hour, asked_at FROM requested WHERE answer <> 'failed'").fetchall()
        hours = {datetime(1970, 1, 1) + hour * HOUR: datetime.fromisoformat(asked) for hour, asked in rows}
        return {hour for hour, asked in hours.items() if not is_fresh(hour, asked)}


def is_fresh(hour: datetime, asked_at: datetime) -> bool:
    """Whether late parts may still come to an hour that is asked for then."""
    return asked_at < hour + _FRESH


def hours_of(server: AmplitudeServer, since: int = 0, answered: tuple[int, ...] = (200, 404)) -> Counter[datetime]:
    """How often each hour was answered, in the requests from number ``since`` on."""
    hours: Counter[datetime] = Counter()
    for request in server.requests[since:]:
        if request.status in answered:
            hours.update(hours_between(request.query))
    return hours


def hours_between(query: object) -> list[datetime]:
    """The hours of a request's query."""
    first, last = (datetime.strptime(query[name], "%Y%m%dT%H") for name in ("start", "end"))  # type: ignore[index]  # noqa: DTZ007
    return [first + number * HOUR for number in range((last - first) // HOUR + 1)]


def assert_nothing_lost_nothing_doubled(project: Project, server: AmplitudeServer) -> None:
    """The lake holds what the server holds, the ledger says so hour by hour, and nothing else lies around (files that
    were merged into others go with the next extraction: make one that has nothing to do before)."""
    home = project.home
    (kept, distinct), = query(home, "SELECT count(*), count(DISTINCT uuid) FROM raw.amplitude_events")  # fmt: skip
    with duckdb.connect() as con:
        (in_lake,) = con.execute(f"SELECT count(DISTINCT uuid) FROM {parquet(files_of(home))}").fetchone() or (0,)
    with Ledger.open(home) as ledger:
        hours, named = ledger.hours(), ledger.files()
        kept_archives = {n for (n,) in ledger.con.execute("SELECT name FROM downloads WHERE state = 'kept'")}
    assert {hour.state for hour in hours} == {"loaded", "empty"}
    assert {hour.upload_hour: hour.staged for hour in hours if hour.state == "loaded"} == server.hours()
    assert kept == distinct == in_lake == server.count()
    assert all(hour.records == hour.staged + hour.duplicates and not hour.quarantined for hour in hours)
    assert {path.relative_to(home.amplitude_lake).as_posix() for path in files_of(home)} == named
    assert {path.name for path in archives_folder(home).iterdir()} == kept_archives
    assert not (home.amplitude_lake / "scratch").exists()


# What changes a file, the ledger or the lake.
_ON_FILES = {"fsync", "replace", "rename", "unlink", "rmdir", "mkdir"}
_ON_CONTENTS = {"execute", "executemany", "executescript", "write"}


class _Steps:
    """Counts what the process does to its files, in every thread, and kills it before or after one of these steps."""

    def __init__(self, last: int) -> None:
        self._last, self._count = last, count(1)
        self.taken = 0

    def __call__(self, frame: FrameType, kind: str, function: object) -> None:
        name, module = getattr(function, "__name__", ""), getattr(function, "__module__", "")
        is_step = name in _ON_CONTENTS or (name in _ON_FILES and module == "posix")
        if is_step and kind in {"c_call", "c_return"}:
            self.taken = next(self._count)
            if self.taken == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        threading.setprofile(self)
        sys.setprofile(self)


def _main(folder: str, url: str, now: str, last_step: str) -> None:
    project, steps = Project(Path(folder), url), _Steps(int(last_step))
    if int(last_step):
        steps.watch()
    result = project.extract(datetime.fromisoformat(now))
    sys.setprofile(None)
    print(steps.taken, result.archives, result.problem)


if __name__ == "__main__":
    _main(*sys.argv[1:])
