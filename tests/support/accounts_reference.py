"""account_adoption, the clocks of time_to_adopt and instrumentation recomputed the slow way: day by day, in Python.

The curve itself is not here: it is compared with statsmodels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from support.adoption_reference import Adoption
from support.usage_reference import DAY, Counted

EARLIEST = date(2023, 12, 1)  # no entitlement of the test companies that ends begins before


@dataclass(frozen=True)
class Clock:
    """Days to the first use, or of being watched without one; left out when it started before the first events."""

    days: int
    is_adopted: bool
    is_left_out: bool


@dataclass(frozen=True)
class Accounts:
    """What the adoption reference knows, account by account."""

    adoption: Adoption

    @cached_property
    def customers(self) -> dict[str, Any]:
        rows = self.adoption.usage.tables["accounts"]
        return {row["account_id"]: row for row in rows if not row.get("is_internal_test")}

    @cached_property
    def used(self) -> dict[tuple[str, str], list[Counted]]:
        """Events of an account that are use of a feature, in order of their dates."""
        found: dict[tuple[str, str], list[Counted]] = defaultdict(list)
        for event in sorted(self.adoption.usage.active, key=lambda event: event.local_date):
            for key in event.features:
                if event.account in self.customers:
                    found[event.account, key].append(event)
        return found

    def rows(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """(month, account, feature) → entitled, first, last, established, days, users, state, arr."""
        usage, joint = self.adoption.usage, self.adoption.joint_watermark
        month = min(event.local_date for event in usage.active).replace(day=1)
        while month <= joint:
            end = usage.period("month", month)[1]
            for account in self.customers:
                for key in usage.features:
                    row = self._row(account, key, month, min(end, joint))
                    if row is not None:
                        yield (month, account, key), row
            month = end + DAY

    def _row(self, account: str, key: str, month: date, day: date) -> tuple[Any, ...] | None:
        entitled, _ = self.adoption.entitled(account, {key}, day)
        events = [event for event in self.used[account, key] if event.local_date <= day]
        if not entitled and not events:
            return None
        dates = sorted({event.local_date for event in events})
        reached = (date for date in dates if self.adoption.established({d for d in dates if d <= date}))
        established_on = next(reached, None)
        recent = [event for event in events if event.local_date > day - 28 * DAY]
        if not entitled:
            state = "off_entitlement"
        elif not events:
            state = "never"
        elif not recent:
            state = "lapsed"
        else:
            state = "established" if established_on else "tried"
        line = self.adoption.usage.features[key]["product_line"]
        arr = None if self.adoption.basis == "all_live" else self.adoption.arr.get((month, account, line), Decimal(0))
        first, last = (dates[0], dates[-1]) if dates else (None, None)
        days, users = len({event.local_date for event in recent}), len({event.user for event in recent})
        return entitled, first, last, established_on, days, users, state, arr

    def clocks(self) -> dict[tuple[str, str, str], list[Clock]]:
        """(dimension, segment, feature) → the clocks of its accounts."""
        cells: dict[tuple[str, str, str], list[Clock]] = defaultdict(list)
        for account in self.customers:
            for key in self.adoption.usage.features:
                spell = self._first_spell(account, key)
                if not spell:
                    continue
                start, end = spell[0], spell[-1]
                events = self.used[account, key]
                adopted = bool(events) and events[0].local_date <= end
                stop = max(events[0].local_date, start) if adopted else end
                clock = Clock((stop - start).days, adopted, start < self.first_landed)
                for dimension, segment in self.adoption.usage.segments(account, start):
                    cells[dimension, segment, key].append(clock)
        return cells

    def _first_spell(self, account: str, key: str) -> list[date]:
        """The first unbroken run of days on which the account may use the feature, launched and created."""
        earliest = max(
            self.adoption.usage.features[key].get("launched_on") or EARLIEST,
            self.customers[account].get("created_date") or EARLIEST,
            EARLIEST,
        )
        spell: list[date] = []
        for number in range((self.adoption.joint_watermark - earliest).days + 1):
            day = earliest + number * DAY
            if self._may_use(account, key, day):
                spell.append(day)
            elif spell:
                return spell
        return spell

    def _may_use(self, account: str, key: str, day: date) -> bool:
        if self.adoption.basis != "all_live":
            return self.adoption.entitled(account, {key}, day)[0]
        born = self.customers[account].get("created_date") or self._first_seen.get(account)
        return born is not None and born <= day

    @cached_property
    def _first_seen(self) -> dict[str | None, date]:
        newest_first = sorted(self.adoption.usage.active, key=lambda event: event.local_date, reverse=True)
        return {event.account: event.local_date for event in newest_first}

    @cached_property
    def first_landed(self) -> date:
        usage = self.adoption.usage
        hour: datetime = min(row["upload_hour"] for row in usage.tables["amplitude_hours"])
        return hour.replace(tzinfo=UTC).astimezone(ZoneInfo(usage.company["time_zone"])).date()

    def instrumentation(self) -> dict[str, tuple[int, date | None, str]]:
        """Feature → events of the 28 days to the usage watermark, last date with use, status."""
        usage, rows = self.adoption.usage, {}
        for key in usage.features:
            dates = [e.local_date for e in usage.active if key in e.features and e.local_date <= usage.watermark]
            recent = sum(day > usage.watermark - 28 * DAY for day in dates)
            status = "live" if recent else "silent" if dates else "never_seen"
            rows[key] = (recent, max(dates, default=None), status)
        return rows
