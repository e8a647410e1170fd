"""Sizes of the sandbox company and its calendar: everything that is chosen before a number is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

VERSION = "3"  # part of a build's identity: raise it whenever the output of one seed changes
TIME_ZONE = "America/New_York"
FISCAL_YEAR_STARTS_IN = 2
REPORTING_CURRENCY, SECOND_CURRENCY = "USD", "EUR"
PROJECT = 517204  # the Amplitude project (``app``) that the exports name
RUN_UP_MONTHS = 12  # contracts may start this long before the usage history

Size = Literal["small", "demo", "scale"]


@dataclass(frozen=True)
class SandboxSpec:
    """How big the sandbox company is.

    ``months`` of history end at ``last_day`` (local, inclusive). ``accounts`` counts customers, the internal test
    account comes on top. ``events_per_day`` is the mean number of exported records a day over the history.
    ``usage_days`` shortens the event history only (finance keeps ``months``), and ``flat_volume`` gives every
    day the same expected volume: together they make histories of 30 and 365 days that differ in nothing else.
    """

    months: int
    accounts: int
    events_per_day: int
    last_day: date = date(2026, 10, 31)
    usage_days: int | None = None
    flat_volume: bool = False

    def __post_init__(self) -> None:
        if self.months < 3 or self.accounts < 20 or self.events_per_day < 50:
            raise ValueError("a sandbox company needs at least 3 months, 20 accounts and 50 events a day")
        if (self.last_day + timedelta(days=1)).day != 1:
            raise ValueError("last_day must be the last day of a month")

    @property
    def first_day(self) -> date:
        """First local day of the ``months`` long history."""
        return add_months(self.last_day.replace(day=1), 1 - self.months)

    @property
    def first_usage_day(self) -> date:
        """First local day with events."""
        if self.usage_days is None:
            return self.first_day
        return max(self.first_day, self.last_day - timedelta(days=self.usage_days - 1))

    @property
    def days(self) -> int:
        """Number of local days with events."""
        return (self.last_day - self.first_usage_day).days + 1

    @property
    def first_contract_day(self) -> date:
        """No contract starts before this day; money months are counted from here."""
        return add_months(self.first_day, -RUN_UP_MONTHS)

    @property
    def money_months(self) -> list[date]:
        """First days of all months that money is known for, oldest first."""
        return [add_months(self.first_contract_day, n) for n in range(self.months + RUN_UP_MONTHS)]

    def at(self, fraction: float) -> date:
        """The local day that lies ``fraction`` (0 to 1) into the history, so that every size meets every event."""
        span = (self.last_day - self.first_day).days
        return self.first_day + timedelta(days=round(span * fraction))

    def month_at(self, fraction: float) -> date:
        """The first day of the month in which :meth:`at` falls, at least one month into the history."""
        return max(self.at(fraction).replace(day=1), add_months(self.first_day, 1))


SIZES: dict[str, SandboxSpec] = {
    "small": SandboxSpec(months=7, accounts=40, events_per_day=150),
    "demo": SandboxSpec(months=18, accounts=400, events_per_day=1_900),
    "scale": SandboxSpec(months=18, accounts=2_000, events_per_day=38_500),
}


def add_months(day: date, months: int) -> date:
    """The same day of the month, ``months`` later; ``day`` must exist in that month (28 or less always does)."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, day.day)


def month_of(day: date) -> date:
    """First day of the month of ``day``."""
    return day.replace(day=1)


def month_end(month: date) -> date:
    """Last day of the month that starts at ``month``."""
    return add_months(month, 1) - timedelta(days=1)


def local_midnight_utc(day: date) -> datetime:
    """The UTC instant at which the local ``day`` begins in the company's time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(TIME_ZONE)).astimezone(UTC)
