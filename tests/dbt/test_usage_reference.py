"""The usage marts against a recomputation in plain Python, on three companies that differ in calendar and contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.usage_worlds import NAMES, WATERMARKS, World, built


@pytest.fixture(params=NAMES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return built(request.param, tmp_path_factory)


def test_active_usage(world: World) -> None:
    key = "period_grain, period_start, unit, dimension, segment, scope, scope_key"
    values = "active, rolling_7d, rolling_28d, daily_active_sum, rolling_28d_sum, is_complete"
    assert world.rows("active_usage", key, values) == world.reference.active_usage()


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
    assert world.rows("adoption", key, values) == expected
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
    found = world.rows("fct_feature_usage_day", "local_date, account_id, feature_key", "active_users, events")
    assert found == world.reference.feature_days()


def test_user_days(world: World) -> None:
    found = world.rows("fct_user_activity_day", "local_date, user_key", "account_id, events, sessions")
    assert found == world.reference.user_days()


def test_days_after_the_watermark_are_shown_as_incomplete(world: World) -> None:
    late = f"local_date > DATE '{world.reference.watermark}'"
    for mart in ("fct_feature_usage_day", "fct_user_activity_day"):
        assert world.home.query(f"SELECT count(*) > 0 FROM marts.{mart} WHERE {late}") == [(True,)]
        assert world.home.query(f"SELECT count(*) FROM marts.{mart} WHERE is_complete = ({late})") == [(0,)]


def test_events_without_account_or_rule(world: World) -> None:
    assert world.rows("unattributed_events", "local_date, reason", "events, users") == world.reference.unattributed()
    expected: Callable[[], dict[str, Any]] = world.reference.unmapped
    found = world.rows("unmapped_events", "event_type", "events, users, first_seen, last_seen, share_of_events")
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
