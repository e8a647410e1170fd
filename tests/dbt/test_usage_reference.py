"""The usage marts against a recomputation in plain Python, on three companies that differ in calendar and contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support import raw_money
from support.adoption_reference import Adoption
from support.usage_reference import Reference
from support.usage_world import UsageHome, company_tables, events, ledger, merges

WATERMARKS = "intermediate.int_usage__watermarks"
_built: dict[tuple[Path, str], World] = {}


@dataclass(frozen=True)
class World:
    home: UsageHome
    reference: Reference
    adoption: Adoption


def _tables(name: str) -> dict[str, Any]:
    """entitled: New York, weeks from Monday. subscribed: Kolkata, weeks from Sunday, membership second. live: Lord
    Howe, where daylight saving is half an hour, without money."""
    tables = company_tables()
    if name == "entitled":
        tables["finance_state"] = [raw_money.state("minimum", "2024-04-10", has_entitlements=True)]
    if name == "subscribed":
        tables = company_tables(time_zone="Asia/Kolkata", week_starts_on="sunday")
        tables["finance_state"] = [raw_money.state("minimum", "2024-03-31", has_entitlements=False)]
        ways = ("user_property", "user_membership", "event_group")
        tables["account_ways"] = [{"position": n, "way": way} for n, way in enumerate(ways, start=1)]
    if name == "live":
        tables = company_tables(time_zone="Australia/Lord_Howe", adoption_established_days=1)
        tables["finance_state"] = [raw_money.state("none", "2024-12-31", has_entitlements=False)]
        tables["arr_month"], tables["account_ways"] = [], tables["account_ways"][:2]
        tables["identity_map"] = [{"account_id": f"a{n}", "amplitude_value": f"org-{n}"} for n in range(5)]
        tables["accounts"][1] = {**tables["accounts"][1], "created_date": date(2024, 3, 20)}
    told = {"amplitude_merges": merges(*range(len(name) % 8))}
    return {**tables, **told, "amplitude_events": events(seed=len(name)), "amplitude_hours": ledger()}


@pytest.fixture(params=["entitled", "subscribed", "live"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    base, name = tmp_path_factory.getbasetemp(), request.param
    if (base, name) not in _built:
        tables = _tables(name)
        home = UsageHome(tmp_path_factory.mktemp(name) / "warehouse.duckdb", base / "dbt_usage")
        home.fill(tables)
        home.run(full_refresh=True)
        ((watermark, joint),) = home.query(f"SELECT usage_watermark, joint_watermark FROM {WATERMARKS}")
        arr = home.query("SELECT month_start, account_id, product_line, arr FROM marts.fct_arr_month")
        reference = Reference(tables, watermark)
        basis = {"entitled": "entitlements", "subscribed": "subscription", "live": "all_live"}[name]
        adoption = Adoption(reference, {(month, a, line): value for month, a, line, value in arr}, joint, basis)
        _built[base, name] = World(home, reference, adoption)
    return _built[base, name]


def rows(world: World, mart: str, key: str, values: str) -> dict[Any, tuple[Any, ...]]:
    """The mart as a mapping of its key to its values."""
    width = len(key.split(","))
    return {row[:width]: row[width:] for row in world.home.query(f"SELECT {key}, {values} FROM marts.{mart}")}


def test_active_usage(world: World) -> None:
    key = "period_grain, period_start, unit, dimension, segment, scope, scope_key"
    values = "active, rolling_7d, rolling_28d, daily_active_sum, rolling_28d_sum, is_complete"
    assert rows(world, "active_usage", key, values) == world.reference.active_usage()


def test_stickiness_is_the_ratio_of_sums(world: World) -> None:
    wrong = world.home.query("""
        SELECT * FROM marts.active_usage
        WHERE stickiness IS DISTINCT FROM daily_active_sum / nullif(rolling_28d_sum, 0)
            OR NOT isfinite(stickiness) OR is_total <> (dimension = 'all') OR stickiness NOT BETWEEN 0 AND 1
    """)
    assert wrong == []


def test_adoption(world: World) -> None:
    key = "month_start, dimension, segment, scope, scope_key"
    values = """entitled_accounts, adopted_ever, adopted_established, current_accounts, active_users, events,
        coalesce(round(breadth * current_accounts)::int, 0),
        coalesce(round(days_per_account * current_accounts)::int, 0),
        entitled_arr, adopted_arr, seats, off_entitlement_accounts"""
    expected = dict(world.adoption.rows())
    for cell, row in expected.items():
        if world.adoption.basis == "all_live" or not row[0]:  # no money, or nobody to hold it, is not an ARR of 0
            expected[cell] = (*row[:8], None, None, *row[10:])
    assert rows(world, "adoption", key, values) == expected
    assert world.home.query("SELECT DISTINCT denominator_basis FROM marts.adoption") == [(world.adoption.basis,)]


def test_adoption_rates_are_quotients_of_published_columns(world: World) -> None:
    wrong = world.home.query(f"""
        SELECT * FROM marts.adoption
        WHERE adoption_rate IS DISTINCT FROM current_accounts / nullif(entitled_accounts, 0)
            OR established_rate IS DISTINCT FROM adopted_established / nullif(entitled_accounts, 0)
            OR active_seat_rate IS DISTINCT FROM active_users / nullif(seats, 0)
            OR abs(arr_adoption_rate - adopted_arr / nullif(entitled_arr, 0)) > 1e-12
            OR is_small <> (entitled_accounts < 10) OR is_total <> (dimension = 'all')
            OR is_complete <> (last_day(month_start) <= (SELECT joint_watermark FROM {WATERMARKS}))
    """)
    assert wrong == []


def test_feature_days(world: World) -> None:
    found = rows(world, "fct_feature_usage_day", "local_date, account_id, feature_key", "active_users, events")
    assert found == world.reference.feature_days()


def test_user_days(world: World) -> None:
    found = rows(world, "fct_user_activity_day", "local_date, user_key", "account_id, events, sessions")
    assert found == world.reference.user_days()


def test_days_after_the_watermark_are_shown_as_incomplete(world: World) -> None:
    late = f"local_date > DATE '{world.reference.watermark}'"
    for mart in ("fct_feature_usage_day", "fct_user_activity_day"):
        assert world.home.query(f"SELECT count(*) > 0 FROM marts.{mart} WHERE {late}") == [(True,)]
        assert world.home.query(f"SELECT count(*) FROM marts.{mart} WHERE is_complete = ({late})") == [(0,)]


def test_events_without_account_or_rule(world: World) -> None:
    assert rows(world, "unattributed_events", "local_date, reason", "events, users") == world.reference.unattributed()
    expected: Callable[[], dict[str, Any]] = world.reference.unmapped
    found = rows(world, "unmapped_events", "event_type", "events, users, first_seen, last_seen, share_of_events")
    assert {key: (*row[:4], pytest.approx(row[4])) for (key,), row in found.items()} == expected()


def test_totals_bound_segments(world: World) -> None:
    wrong = world.home.query("""
        SELECT s.period_grain, s.period_start, s.unit, s.scope, s.scope_key, s.dimension
        FROM marts.active_usage s
        JOIN marts.active_usage t USING (period_grain, period_start, unit, scope, scope_key)
        WHERE NOT s.is_total AND t.is_total
        GROUP BY ALL
        HAVING max(s.active) > any_value(t.active) OR sum(s.active) < any_value(t.active)
    """)
    assert wrong == []
