"""Usage retention recomputed the slow way: unit by unit and period by period, from the events that count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from support.usage_reference import DAY, Counted, Reference

LENGTHS = {"day": 30, "week": 26, "month": 24}
Key = tuple[Any, ...]
Cohorts = dict[Key, set[str]]


def usage_retention(usage: Reference) -> dict[Key, tuple[int, int, date, bool]]:
    """Key with the period number → (cohort size, retained, period end, is complete)."""
    histories: dict[Key, list[Counted]] = defaultdict(list)
    for event in usage.active:
        if event.local_date <= usage.watermark:
            for scope in {("all", "all")} | usage.scopes(event.features):
                histories["user", event.user, *scope].append(event)
                if event.account:
                    histories["account", event.account, *scope].append(event)
    rows = {}
    for grain in LENGTHS:
        cohorts, active = _cohorts(usage, grain, histories)
        for key, members in cohorts.items():
            rows.update(_cells(usage, grain, key, members, active))
    return rows


def _cohorts(usage: Reference, grain: str, histories: dict[Key, list[Counted]]) -> tuple[Cohorts, Cohorts]:
    """Units that entered by (unit, mode, dimension, segment, scope, start), active ones by (unit, scope, start)."""
    cohorts: Cohorts = defaultdict(set)
    active: Cohorts = defaultdict(set)
    for (unit, name, *scope), events in histories.items():
        first_ever = min(event.local_date for event in events)
        periods: dict[date, list[Counted]] = defaultdict(list)
        for event in events:
            periods[usage.period(grain, event.local_date)[0]].append(event)
        for start, within in periods.items():
            entry = min(event.local_date for event in within)
            active[unit, *scope, start].add(name)
            accounts = {event.account for event in within if event.local_date == entry}
            for dimension, segment in {pair for account in accounts for pair in usage.segments(account, entry)}:
                if grain == "day" and dimension != "all":
                    continue
                cohorts[unit, "recurring", dimension, segment, *scope, start].add(name)
                if entry == first_ever:
                    cohorts[unit, "first_time", dimension, segment, *scope, start].add(name)
    return cohorts, active


def _cells(
    usage: Reference, grain: str, key: Key, members: set[str], active: Cohorts
) -> Iterator[tuple[Key, tuple[int, int, date, bool]]]:
    unit, mode, dimension, segment, *scope, cohort = key
    start = cohort
    for number in range(LENGTHS[grain] + 1):
        if start > usage.watermark:
            return
        end = usage.period(grain, start)[1]
        retained = len(members & active.get((unit, *scope, start), set()))
        if retained or (dimension == "all" and grain != "day"):
            cell = (grain, cohort, unit, mode, dimension, segment, *scope, number)
            yield cell, (len(members), retained, end, end <= usage.watermark)
        start = end + DAY
