"""Which local dates a refresh must fold in again, so that its cost follows what changed and not the history.

Layers, each a superset in time of the one before:

* ``events``: dates whose raw events are aggregated again, the exact set that landings touched;
* ``activity``: those, and the dates whose activity belongs to another account than before (dbt adds the dates whose
  anonymous events belong to another user);
* ``marts``: dates from which windowed usage marts are rebuilt. They are causal (a period's row depends on
  activity up to its end only), so everything from the earliest date on is enough;
* ``adoption``: likewise, moved back to the beginning by a new finance delivery.

The plan is a pure function of what is pending and of the marks of the last successful build: after a crash the same,
or a larger, plan is made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from assets.transform.identity import look_back, redone_by_killed
from assets.transform.state import (
    BuildState,
    changed_attribution,
    first_changed_segment,
    has_replaced_hour,
    read_built,
    read_current,
    read_unfinished,
)
from assets.warehouse import has_table

BEGINNING = date(1900, 1, 1)


@dataclass(frozen=True)
class Plan:
    """What dbt is to rebuild. ``reason`` says why everything is rebuilt, or is empty. ``keeps_money``: models that
    no event reaches hold what they would be rebuilt to."""

    full_refresh: bool
    reason: str
    events: frozenset[date] = field(default_factory=frozenset)
    activity: frozenset[date] = field(default_factory=frozenset)
    marts_from: date | None = None
    adoption_from: date | None = None
    keeps_money: bool = False


def local_dates(hours: Iterable[datetime], time_zone: str) -> frozenset[date]:
    """Local dates that UTC hours overlap (two where a zone's midnight falls inside the hour)."""
    zone = ZoneInfo(time_zone)
    dates = set()
    for hour in hours:
        start = hour.replace(tzinfo=UTC)
        dates.add(start.astimezone(zone).date())
        dates.add((start + timedelta(minutes=59, seconds=59)).astimezone(zone).date())
    return frozenset(dates)


def _why_everything(
    built: BuildState | None, unfinished: BuildState | None, now: BuildState, models_exist: bool
) -> str:
    if built is None or not models_exist:
        return "first build"
    if built.settings_hash != now.settings_hash:
        return "the company's settings or feature registry changed"
    if built.project_hash != now.project_hash:
        return "the models changed"
    if now.until is not None and (built.until is None or now.until < built.until):
        return "--until went back in time"
    if now.sequence < built.sequence:
        return "the lake was replaced"
    if unfinished is not None and unfinished.inputs != now.inputs:
        return "a build from other inputs did not end"
    return ""


def _moved_activity(con: duckdb.DuckDBPyConnection) -> frozenset[date]:
    """All dates from the first on which a re-attributed Amplitude value was named."""
    values = changed_attribution(con)
    if not values:
        return frozenset()
    rows = con.execute(
        """
        WITH named AS (
            SELECT min(local_date) AS first_named FROM intermediate.int_usage__event_day
            WHERE list_contains(?::VARCHAR[], account_group) OR list_contains(?::VARCHAR[], account_property)
        )
        SELECT DISTINCT e.local_date FROM intermediate.int_usage__event_day e, named WHERE e.local_date >= first_named
        """,
        [values, values],
    ).fetchall()
    return frozenset(day for (day,) in rows)


def _first_open_hour(con: duckdb.DuckDBPyConnection, time_zone: str) -> date | None:
    """Local date of the first hour that is not final: the watermark may have moved back to before it."""
    row = con.execute(
        "SELECT min(upload_hour) FROM raw.amplitude_hours WHERE state NOT IN ('loaded', 'empty', 'accepted')"
    ).fetchone()
    return min(local_dates([row[0]], time_zone)) if row and row[0] else None


def make_plan(con: duckdb.DuckDBPyConnection, project_hash: str) -> Plan:
    """Compare the raw tables with the marks of the last build."""
    built, unfinished, now = read_built(con), read_unfinished(con), read_current(con, project_hash)
    models_exist = has_table(con, "intermediate", "int_usage__event_day")
    reason = _why_everything(built, unfinished, now, models_exist)
    if not reason and has_replaced_hour(con):
        reason = "an upload hour was replaced"
    if reason or built is None:
        return Plan(full_refresh=True, reason=reason)
    zone_row = con.execute("SELECT time_zone FROM raw.company").fetchone()
    time_zone = zone_row[0] if zone_row else "UTC"
    touched = con.execute("SELECT occurred_hour FROM raw.amplitude_touched").fetchall()
    events = local_dates((hour for (hour,) in touched), time_zone)
    activity = events | _moved_activity(con)
    if unfinished is not None:
        activity |= redone_by_killed(con)
    starts = [min(activity) if activity else None, first_changed_segment(con)]
    if now.sequence != built.sequence or now.until != built.until:
        after_watermark = built.usage_watermark + timedelta(days=1) if built.usage_watermark else BEGINNING
        starts += [after_watermark, _first_open_hour(con, time_zone)]
    marts_from = min((day for day in starts if day), default=None)
    money_moved = (now.finance_hash, now.as_of) != (built.finance_hash, built.as_of)
    keeps_money = unfinished is None and now.money == built.money
    return Plan(
        full_refresh=False,
        reason="",
        events=events,
        activity=activity,
        marts_from=marts_from,
        adoption_from=BEGINNING if money_moved else marts_from,
        keeps_money=keeps_money,
    )


def read_mode(con: duckdb.DuckDBPyConnection) -> tuple[bool, bool]:
    """(everything is rebuilt, money models are kept) of the plan that was written last."""
    row = con.execute("SELECT full_refresh, keeps_money FROM raw.rebuild_mode").fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, False)


def write_plan(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Replace ``raw.rebuild_mode`` (one row) and ``raw.rebuild_plan`` (layer × local_date)."""
    con.execute(
        "CREATE OR REPLACE TABLE raw.rebuild_mode AS"
        " SELECT ?::BOOLEAN AS full_refresh, ? AS reason, ?::BOOLEAN AS keeps_money",
        [plan.full_refresh, plan.reason, plan.keeps_money],
    )
    rows = [("events", day) for day in plan.events] + [("activity", day) for day in plan.activity]
    rows += [("marts", plan.marts_from)] if plan.marts_from else []
    rows += [("adoption", plan.adoption_from)] if plan.adoption_from else []
    look_back(con, plan.events)
    layers, dates = [layer for layer, _ in rows], [day for _, day in rows]
    con.execute(
        """
        CREATE OR REPLACE TABLE raw.rebuild_plan AS
        SELECT unnest(?::VARCHAR[]) AS layer, unnest(?::DATE[]) AS local_date ORDER BY ALL
        """,
        [layers, dates],
    )
