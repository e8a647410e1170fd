"""Extraction: asks the Export API for the hours that are due, and lands what has come while more is coming.

Threads download; the one thread that called owns the ledger: it records each archive once it is in place, then lands
what is recorded. So whatever was recorded is never downloaded again, and a crash loses at most what was on its way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from assets.amplitude import asked
from assets.amplitude.archive import archives_folder
from assets.amplitude.download import Download
from assets.amplitude.due import extracted_span, hours_to_ask
from assets.amplitude.export_api import MOST_REQUESTS, Answer, ExportApi, Failed, NoData, TooMuch
from assets.amplitude.landing import Landing, LandingResult, plan
from assets.amplitude.ledger import Ledger
from assets.amplitude.windows import Window, plan_windows, safe_hour
from assets.company.model import Company
from assets.home import Home
from assets.progress import Progress, silent

# Requests handed out at a time, so that no thread waits for the landing to end.
_HANDED_OUT = 3 * MOST_REQUESTS
# What is worth a landing of its own while downloads go on. It also bounds the disk that is needed when no archive is
# kept.
_BATCH_BYTES, _BATCH_ARCHIVES, _BATCH_SECONDS = 16 << 20, 16, 2.0
# So many windows in a row that patience did not mend: the service is down, the rest waits for the next refresh.
_OUTAGE = 3


@dataclass
class ExtractionResult:
    """What an extraction did: hours by answer, archives and bytes downloaded, what was landed of it.

    ``waiting``: hours that were due and have not been asked for; ``problem``: why, and what the last failure was.
    """

    landing: LandingResult = field(default_factory=LandingResult)
    fetched: int = 0
    empty: int = 0
    failed: int = 0
    not_ready: int = 0
    waiting: int = 0
    archives: int = 0
    bytes: int = 0
    problem: str | None = None


def extract(
    home: Home, company: Company, api: ExportApi, clock: Callable[[], datetime], until: date | None = None,
    progress: Progress | None = None, only_days: Collection[date] | None = None, *, again: bool = False,
) -> ExtractionResult:  # fmt: skip
    """Download what is due, landing along the way.

    Problems of single windows are recorded and do not stop the others. Raises InputError for what a person must mend
    (refused credentials, a full disk); what was recorded by then stays and is landed by the next extraction.
    """
    now = clock()
    folder = archives_folder(home)
    with Ledger.open(home) as ledger:
        asked.tidy(ledger, folder)
        _mark(ledger, company, now)
        due = hours_to_ask(ledger, company, now, until, only_days, again=again)
        run = _Run(home, company, api, clock, until, progress or silent, ledger, plan_windows(due))
        with Landing(home, company, progress or silent) as landing:
            run.to_the_end(landing)
            # Also what an earlier extraction recorded and did not come to land.
            landing.take(plan(home, company, until))
            run.result.landing = landing.finish()
        if not company.events.keep_archives:
            asked.clear_landed(ledger, folder)
        return run.result


def _mark(ledger: Ledger, company: Company, now: datetime) -> None:
    """Say which hours the ledger speaks for. The safe hour never goes back, whatever a clock says."""
    span, known = extracted_span(company, now), ledger.meta("safe_hour")
    with ledger.transaction():
        ledger.set_meta("time_zone", company.time_zone)
        ledger.set_meta("start_hour", str(span.start))
        ledger.set_meta("safe_hour", str(max(span.stop - 1, int(known or span.start - 1))))


class _Run:
    """One extraction's windows: waiting, on their way, answered."""

    def __init__(
        self, home: Home, company: Company, api: ExportApi, clock: Callable[[], datetime], until: date | None,
        tell: Progress, ledger: Ledger, windows: list[Window],
    ) -> None:  # fmt: skip
        self.home, self.company, self.until = home, company, until
        self._api, self._clock, self._tell, self._ledger = api, clock, tell, ledger
        self._folder: Path = archives_folder(home)
        self._queue = deque(windows)
        self._running: dict[Future[Answer], tuple[Window, datetime]] = {}
        self._unlanded_bytes, self._unlanded, self._landed_at = 0, 0, time.monotonic()
        self._outages = 0
        self._hours, self._answered = sum(len(window.hours) for window in windows), 0
        self.result = ExtractionResult()

    def to_the_end(self, landing: Landing) -> None:
        """Until nothing waits, or the service is down."""
        pool = ThreadPoolExecutor(MOST_REQUESTS, "export")
        try:
            while self._fill(pool):
                done, _ = wait(self._running, timeout=_BATCH_SECONDS, return_when=FIRST_COMPLETED)
                for future in done & self._running.keys():
                    self._take(*self._running.pop(future), future.result())
                self._fill(pool)
                if self._is_worth_landing():
                    landing.take(plan(self.home, self.company, self.until, more_follows=bool(self._running)))
                    self._unlanded_bytes, self._unlanded, self._landed_at = 0, 0, time.monotonic()
        except BaseException:
            self._api.close()  # threads that wait for a retry end now
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        self.result.waiting = sum(len(window.hours) for window in self._queue)

    def _fill(self, pool: ThreadPoolExecutor) -> bool:
        """Hand out requests; whether any is on its way."""
        while self._queue and self._outages < _OUTAGE and len(self._running) < _HANDED_OUT:
            window, asked_at = self._queue.popleft(), self._clock()
            target = self._folder / asked.archive_name(window, asked_at)
            self._running[pool.submit(self._api.download, window.first, window.last, target)] = window, asked_at
        return bool(self._running)

    def _call_back(self) -> None:
        """What was handed out and not begun waits for the next extraction."""
        for future in [future for future in self._running if future.cancel()]:
            self._queue.append(self._running.pop(future)[0])

    def _is_worth_landing(self) -> bool:
        if not self._unlanded:
            return False
        is_full = self._unlanded_bytes >= _BATCH_BYTES or self._unlanded >= _BATCH_ARCHIVES
        return is_full or time.monotonic() - self._landed_at > _BATCH_SECONDS

    def _take(self, window: Window, asked_at: datetime, answer: Answer) -> None:
        result = self.result
        if isinstance(answer, TooMuch):
            self._queue.extendleft(reversed(window.halves()))
            return
        self._answered += len(window.hours)
        self._tell("asking Amplitude (hours)", self._answered, self._hours)
        if isinstance(answer, Failed):
            asked.record_failure(self._ledger, window, answer.problem, asked_at)
            result.failed += len(window.hours)
            result.problem = answer.problem
            self._outages += answer.is_outage
            if self._outages >= _OUTAGE:
                self._call_back()
            return
        self._outages = 0
        if isinstance(answer, NoData):
            self._nothing(window, asked_at)
            return
        self._record(window, answer, asked_at)

    def _record(self, window: Window, archive: Download, asked_at: datetime) -> None:
        filled = asked.record_archive(self._ledger, window, archive, asked_at)
        self.result.fetched += filled
        self.result.empty += len(window.hours) - filled
        self.result.archives += 1
        self.result.bytes += archive.bytes
        self._unlanded += 1
        self._unlanded_bytes += archive.bytes

    def _nothing(self, window: Window, asked_at: datetime) -> None:
        """404 is final only for hours that can be exported; a fresher one is asked for again."""
        if window.last <= safe_hour(asked_at):
            asked.record_empty(self._ledger, window, asked_at)
            self.result.empty += len(window.hours)
        else:
            self.result.not_ready += len(window.hours)
