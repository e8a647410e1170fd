"""Which upload hours to ask the Export API for, and in which requests. Pure: ledger and clock come as arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from assets.amplitude.archive import hour_number, hour_start, local_midnight_hour

# Hour H can be exported from H + 3:00 on.
EXPORT_DELAY_HOURS = 3
# Parts that come late: an hour asked for within a day of becoming exportable is asked for once more after that day.
LATE_PARTS = timedelta(hours=24)
# An hour whose files came damaged is asked for daily, for so long; then it waits to be accepted or asked for by name.
_MENDING = timedelta(days=7)
_LONGEST_HOURS = 24


@dataclass(frozen=True)
class Asked:
    """What the ledger knows of an upload hour. ``fetched`` and ``empty`` are answers; ``damaged``: fetched, but some
    of it could not be read; ``failed``: never answered; ``done``: accepted, or landed without having been asked for.
    ``failures``: failed requests since the last answer."""

    answer: Literal["fetched", "empty", "damaged", "failed", "done"]
    asked_at: datetime
    failures: int = 0


@dataclass(frozen=True, order=True)
class Window:
    """The upload hours of one request, both ends included."""

    first: int
    last: int

    @property
    def hours(self) -> range:
        return range(self.first, self.last + 1)

    def halves(self) -> tuple[Window, Window]:
        """Two windows for one that was too much."""
        middle = (self.first + self.last) // 2
        return Window(self.first, middle), Window(middle + 1, self.last)


def safe_hour(now: datetime) -> int:
    """The newest upload hour that can be exported (``now``: UTC)."""
    return hour_number(now) - EXPORT_DELAY_HOURS


def start_hour(day: date, time_zone: str) -> int:
    """The upload hour in which a local day begins."""
    return local_midnight_hour(day - timedelta(days=1), time_zone)


def hours_due(hours: Iterable[int], known: Mapping[int, Asked], now: datetime) -> dict[int, int]:
    """Hours to ask for now, with the failed requests that each has had."""
    due = {}
    for hour in hours:
        asked = known.get(hour)
        if hour <= safe_hour(now) and (asked is None or _is_due(hour, asked, now)):
            due[hour] = asked.failures if asked else 0
    return due


def _is_due(hour: int, asked: Asked, now: datetime) -> bool:
    if asked.answer == "failed":
        return True
    if asked.answer == "done":
        return False
    settled = hour_start(hour) + timedelta(hours=EXPORT_DELAY_HOURS) + LATE_PARTS
    if asked.asked_at < settled <= now:
        return True
    is_mending = asked.answer == "damaged" and asked.asked_at < settled + _MENDING
    return is_mending and now - asked.asked_at >= LATE_PARTS


def plan_windows(due: Mapping[int, int]) -> list[Window]:
    """Requests for these hours, newest last: runs of neighbours, each within one upload day.

    Hours that failed come after the others, in ever smaller requests, so that one bad hour ends up alone and does not
    keep its neighbours, or anything else, from being fetched.
    """
    windows: list[Window] = []
    for hour in sorted(due):
        last = windows[-1] if windows else None
        joins = (
            last is not None
            and hour == last.last + 1
            and hour // 24 == last.first // 24
            and due[hour] == due[last.first]
            and hour - last.first < max(_LONGEST_HOURS >> due[hour], 1)
        )
        if joins and last is not None:
            windows[-1] = Window(last.first, hour)
        else:
            windows.append(Window(hour, hour))
    return sorted(windows, key=lambda window: (due[window.first] > 0, window))
