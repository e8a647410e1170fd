"""Lifecycle classes and days per month recounted the slow way, one unit and one period at a time, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from support.usage_reference import DAY, Reference

Key = tuple[Any, ...]


def unit_days(usage: Reference) -> dict[Key, dict[str, set[date]]]:
    """Key (unit, dimension, segment, scope, scope_key) → unit → dates with use up to the watermark."""
    days: dict[Key, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for event in usage.active:
        if event.local_date > usage.watermark:
            continue
        for pair in usage.segments(event.account, event.local_date):
            for scope in {("all", "all")} | usage.scopes(event.features):
                days["user", *pair, *scope][event.user].add(event.local_date)
                if event.account:
                    days["account", *pair, *scope][event.account].add(event.local_date)
    return days


def lifecycle(usage: Reference) -> dict[Key, tuple[Any, ...]]:
    """Key → (period_end, active, new, returning, resurrected, dormant, is_complete)."""
    rows = {}
    for key, units in unit_days(usage).items():
        for grain in ("day", "week", "month") if key[1] == "all" else ("week", "month"):
            active = {unit: {usage.period(grain, day)[0] for day in days} for unit, days in units.items()}
            before = None
            for start, end in _periods(usage, grain, min(min(periods) for periods in active.values())):
                classes = Counter(_class(periods, start, before) for periods in active.values())
                counts = [classes[name] for name in ("new", "returning", "resurrected", "dormant")]
                rows[grain, start, *key] = (end, sum(counts[:3]), *counts, end <= usage.watermark)
                before = start
    return rows


def _periods(usage: Reference, grain: str, start: date) -> Iterator[tuple[date, date]]:
    while start <= usage.watermark:
        start, end = usage.period(grain, start)
        yield start, end
        start = end + DAY


def _class(periods: set[date], start: date, before: date | None) -> str | None:
    if start in periods:
        if start == min(periods):
            return "new"
        return "returning" if before in periods else "resurrected"
    return "dormant" if before in periods else None


def histogram(usage: Reference) -> dict[Key, tuple[int, int, bool]]:
    """(month_start, *key, days_active) → (units, units_at_least, is_complete)."""
    rows = {}
    for key, units in unit_days(usage).items():
        months = Counter((unit, usage.period("month", day)) for unit, days in units.items() for day in days)
        for month in {month for _, month in months}:
            days_active = [count for (_, other), count in months.items() if other == month]
            for k in set(days_active):
                rows[month[0], *key, k] = (
                    sum(count == k for count in days_active), sum(count >= k for count in days_active),
                    month[1] <= usage.watermark,
                )  # fmt: skip
    return rows
