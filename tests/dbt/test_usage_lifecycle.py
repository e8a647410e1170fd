"""Lifecycle and days per month against a recount in plain Python, their identities, and the awkward histories."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from support.lifecycle_reference import histogram, lifecycle
from support.usage_loader import Loader
from support.usage_reference import Row
from support.usage_world import UsageHome, company_tables, ledger
from support.usage_worlds import NAMES, World, built

GRAIN = "period_grain, period_start, unit, dimension, segment, scope, scope_key"
CLASSES = 'active, new, "returning", resurrected, dormant'  # returning is a word of SQL


@pytest.fixture(params=NAMES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return built(request.param, tmp_path_factory)


def test_lifecycle(world: World) -> None:
    found = world.rows("usage_lifecycle", GRAIN, f"period_end, {CLASSES}, is_complete")
    assert found == lifecycle(world.reference)
    for name in (1, 2, 3, 4, 5):
        assert any(row[name] for row in found.values())


def test_histogram(world: World) -> None:
    key = "month_start, unit, dimension, segment, scope, scope_key, days_active"
    found = world.rows("stickiness_histogram", key, "units, units_at_least, is_complete")
    assert found == histogram(world.reference)


def test_classes_add_up_within_a_period_and_over_time(world: World) -> None:
    wrong = world.home.query("""
        WITH running AS (
            SELECT *, lag(active, 1, 0) OVER (
                PARTITION BY period_grain, unit, dimension, segment, scope, scope_key ORDER BY period_start
            ) AS active_before
            FROM marts.usage_lifecycle
        )
        SELECT * FROM running
        WHERE active <> new + "returning" + resurrected OR active <> active_before + new + resurrected - dormant
            OR least(new, "returning", resurrected, dormant) < 0 OR is_total <> (dimension = 'all')
    """)
    assert wrong == []


def test_rows_are_those_of_active_usage(world: World) -> None:
    columns = f"{GRAIN}, period_end, active, is_total, is_complete"
    active = f"SELECT {columns} FROM marts.active_usage WHERE period_grain <> 'day' OR is_total ORDER BY ALL"
    assert world.home.query(f"SELECT {columns} FROM marts.usage_lifecycle ORDER BY ALL") == world.home.query(active)


def test_the_histogram_adds_up_to_active_usage(world: World) -> None:
    wrong = world.home.query("""
        SELECT month_start, sum(units) AS units, sum(days_active * units) AS days, max(units_at_least) AS at_least,
            any_value(active) AS active, any_value(daily_active_sum) AS daily_active_sum
        FROM marts.stickiness_histogram AS histogram
        FULL JOIN (SELECT * FROM marts.active_usage WHERE period_grain = 'month' AND active > 0) AS usage
            ON (month_start, histogram.unit, histogram.dimension, histogram.segment, histogram.scope,
                histogram.scope_key)
            = (period_start, usage.unit, usage.dimension, usage.segment, usage.scope, usage.scope_key)
        GROUP BY month_start, histogram.unit, histogram.dimension, histogram.segment, histogram.scope,
            histogram.scope_key, usage.unit, usage.dimension, usage.segment, usage.scope, usage.scope_key
        HAVING units IS DISTINCT FROM active OR at_least IS DISTINCT FROM active
            OR days IS DISTINCT FROM daily_active_sum
    """)
    assert wrong == []


def _used(day: str, user: str, account: str | None = None) -> Row:
    moment = datetime.fromisoformat(f"{day}T18:00:00")
    return {
        "uuid": f"{user}{account}{day}", "upload_hour": moment, "occurred_at": moment, "is_time_corrected": False,
        "session_id": 5, "event_type": "Report Viewed", "feature_properties": {}, "user_id": user, "amplitude_id": 1,
        "device_id": "d", "account_group": account,
    }  # fmt: skip


def _company(tmp_path: Path, factory: pytest.TempPathFactory, events: list[Row], **company: Any) -> Loader:
    """a0 is small until March 12th and big from then on; a1 is small, a2 big (unassigned before February 20th)."""
    tables = company_tables(**company)
    tables["account_ways"] = [{"position": 1, "way": "event_group"}]
    loader = Loader(UsageHome(tmp_path / "w.duckdb", factory.getbasetemp() / "dbt_usage"), tables)
    loader.load(events, ledger(70), "2024-03-31")  # the watermark is April 13th
    return loader


def _classes(loader: Loader, grain: str, unit: str, dimension: str, segment: str) -> dict[str, tuple[Any, ...]]:
    rows = loader.home.query(f"""
        SELECT period_start::VARCHAR, {CLASSES} FROM marts.usage_lifecycle
        WHERE period_grain = '{grain}' AND unit = '{unit}' AND dimension = '{dimension}' AND segment = '{segment}'
            AND scope = 'feature' AND scope_key = 'report'
        ORDER BY period_start
    """)
    return {row[0]: row[1:] for row in rows}


def test_a_silent_month_between_two_active_ones(tmp_path: Path, tmp_path_factory: Any) -> None:
    loader = _company(tmp_path, tmp_path_factory, [_used("2024-02-10", "u1", "org-1")])
    silent = {"2024-02-01": (1, 1, 0, 0, 0), "2024-03-01": (0, 0, 0, 0, 1), "2024-04-01": (0, 0, 0, 0, 0)}
    assert _classes(loader, "month", "user", "all", "all") == silent
    loader.load([_used("2024-04-02", "u1", "org-1"), _used("2024-04-03", "u1", "org-1")], ledger(70), "2024-03-31")
    back = {**silent, "2024-04-01": (1, 0, 0, 1, 0)}
    for unit, dimension, segment in (("user", "all", "all"), ("user", "size", "smb"), ("account", "region", "emea")):
        assert _classes(loader, "month", unit, dimension, segment) == back
    days = _classes(loader, "day", "user", "all", "all")
    assert len(days) == 64  # every day from the first on
    told = ("2024-02-11", "2024-04-02", "2024-04-03", "2024-04-04")
    assert [days[day] for day in told] == [(0, 0, 0, 0, 1), (1, 0, 0, 1, 0), (1, 0, 1, 0, 0), (0, 0, 0, 0, 1)]


def test_a_user_in_two_accounts(tmp_path: Path, tmp_path_factory: Any) -> None:
    """u1 is at a1 (small) in February and at a2 (big) from March: new in the new segment, dormant in the old, and
    returning in total. The first of March is more than the 27 days before it away from February 1st."""
    moves = [("2024-02-05", "org-1"), ("2024-03-30", "org-2"), ("2024-04-02", "org-2"), ("2024-04-02", "org-1")]
    loader = _company(tmp_path, tmp_path_factory, [_used(day, "u1", account) for day, account in moves])
    total = {"2024-02-01": (1, 1, 0, 0, 0), "2024-03-01": (1, 0, 1, 0, 0), "2024-04-01": (1, 0, 1, 0, 0)}
    assert _classes(loader, "month", "user", "all", "all") == total
    small = {"2024-02-01": (1, 1, 0, 0, 0), "2024-03-01": (0, 0, 0, 0, 1), "2024-04-01": (1, 0, 0, 1, 0)}
    assert _classes(loader, "month", "user", "size", "smb") == small
    big = {"2024-03-01": (1, 1, 0, 0, 0), "2024-04-01": (1, 0, 1, 0, 0)}
    assert _classes(loader, "month", "user", "size", "big") == big
    accounts = {"2024-02-01": (1, 1, 0, 0, 0), "2024-03-01": (1, 1, 0, 0, 1), "2024-04-01": (2, 0, 1, 1, 0)}
    assert _classes(loader, "month", "account", "all", "all") == accounts


def test_an_account_that_changes_segment_in_mid_month(tmp_path: Path, tmp_path_factory: Any) -> None:
    """a0 is small up to March 11th. In March it is active as both, but in total once. u4 begins when it is big."""
    days = ["2024-02-20", "2024-03-11", "2024-03-12", "2024-04-03"]
    loader = _company(tmp_path, tmp_path_factory, [_used(day, "u1", "org-0") for day in days[:3]])
    loader.load([_used("2024-03-13", "u4", "org-0"), _used(days[3], "u2", "org-2")], ledger(70), "2024-03-31")
    small = {"2024-02-01": (1, 1, 0, 0, 0), "2024-03-01": (1, 0, 1, 0, 0), "2024-04-01": (0, 0, 0, 0, 1)}
    for unit, big, total in (("user", 2, (2, 1, 1, 0, 0)), ("account", 1, (1, 0, 1, 0, 0))):
        assert _classes(loader, "month", unit, "size", "smb") == small
        assert _classes(loader, "month", unit, "size", "big") == {
            "2024-03-01": (big, big, 0, 0, 0), "2024-04-01": (1, 1, 0, 0, big),
        }  # fmt: skip
        assert _classes(loader, "month", unit, "region", "unassigned")["2024-03-01"] == total
    entries = "SELECT unit, unit_key, scope_no, first_date FROM intermediate.int_usage__lifecycle_entries"
    assert loader.home.query(f"{entries} GROUP BY ALL HAVING count(*) > 1") == []
    found = loader.home.query("""
        SELECT segment, days_active, units, units_at_least FROM marts.stickiness_histogram
        WHERE month_start = '2024-03-01' AND unit = 'user' AND dimension IN ('all', 'size') AND scope = 'all'
        ORDER BY ALL
    """)
    assert found == [("all", 1, 1, 2), ("all", 2, 1, 1), ("big", 1, 2, 2), ("smb", 1, 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first_day", "classes"),
    [("monday", [(1, 1, 0, 0, 0), (0, 0, 0, 0, 1)]), ("sunday", [(1, 1, 0, 0, 0), (1, 0, 1, 0, 0)])],
)
def test_weeks_begin_on_the_companys_day(
    first_day: str, classes: list[Any], tmp_path: Path, tmp_path_factory: Any
) -> None:
    """Saturday and the Sunday after it: one week from Monday, two from Sunday."""
    days = [_used("2024-03-30", "u1", "org-1"), _used("2024-03-31", "u1", "org-1")]
    loader = _company(tmp_path, tmp_path_factory, days, week_starts_on=first_day)
    weeks = _classes(loader, "week", "user", "all", "all")
    start = date(2024, 3, 25) if first_day == "monday" else date(2024, 3, 24)
    assert min(weeks) == str(start)
    assert [weeks[week] for week in sorted(weeks)][:2] == classes
