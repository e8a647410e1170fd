"""The policies of company.yaml: which discounts count, when ended service leaves ARR, grace, new returns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from support.money_examples import DISCOUNTS, Example, flat, one, tables
from support.money_world import Query, by_month, item, world

CHURN = (
    one(
        "service_outlives", {}, "100", end="2025-03-15", service_end_date="2025-05-01", cancel_requested_at="2025-02-10"
    ),
    one("service_falls_short", {}, "100", end="2025-05-15", service_end_date="2025-03-01"),
    Example(
        "served_past_cancellation",
        (
            item("served_past_cancellation", "2025-01-01", "100", "2025-03-10", service_end_date="2025-05-01"),
            item("served_past_cancellation", "2025-03-10", "100", version_no=2, status="canceled"),
        ),
        {},
    ),
)
PAST_DUE = Example(
    "late",
    (
        item("late", "2025-01-01", "100", "2025-03-01"),
        item("late", "2025-03-01", "100", version_no=2, status="past_due"),
    ),
    {},
)
GAPS = (
    Example("short_gap", (item("short_gap", "2025-01-01", "100", "2025-02-10"), item("short_gap", "2025-04-10", "100",
            item_id="short_gap_2")), {}),
    Example("long_gap", (item("long_gap", "2025-01-01", "100", "2025-02-10"), item("long_gap", "2025-05-10", "100",
            item_id="long_gap_2")), {}),
)  # fmt: skip
WORLD = tables(DISCOUNTS + CHURN + (PAST_DUE,) + GAPS)


def built(factory: pytest.TempPathFactory, churn_at: str) -> Query:
    """One world per churn policy; the other policies are spread over them."""
    others = {
        "service_end": {"discounts": "forever_only"},
        "cancel_effective": {"discounts": "none", "delinquency_grace_days": 30},
        "cancel_requested": {"reactivation_new_after_days": 90},
    }
    return world(factory, churn_at, WORLD, churn_at=churn_at, **others[churn_at])


@pytest.mark.parametrize(
    ("churn_at", "outlives", "falls_short", "past_cancellation"),
    [("service_end", 4, 2, 4), ("cancel_effective", 2, 4, 2), ("cancel_requested", 1, 4, 2)],
)
def test_which_end_counts(
    tmp_path_factory: pytest.TempPathFactory, churn_at: str, outlives: int, falls_short: int, past_cancellation: int
) -> None:
    query = built(tmp_path_factory, churn_at)
    assert by_month(query, "arr", "service_outlives") == flat("1200", 1, outlives)
    assert by_month(query, "arr", "service_falls_short") == flat("1200", 1, falls_short)
    assert by_month(query, "arr", "served_past_cancellation") == flat("1200", 1, past_cancellation)


def test_money_that_leaves_at_the_request_is_never_at_notice(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert by_month(built(tmp_path_factory, "cancel_requested"), "arr_at_notice", "service_outlives") == {}
    assert by_month(built(tmp_path_factory, "service_end"), "arr_at_notice", "service_outlives") == flat("1200", 2, 4)


def test_forever_only_leaves_repeating_discounts_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, "service_end")
    assert by_month(query, "arr", "repeating") == flat("1200")
    assert by_month(query, "arr", "compound") == flat("804")


def test_no_discount_counts_under_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, "cancel_effective")
    assert by_month(query, "arr", "compound") == by_month(query, "arr", "all_off") == flat("1200")
    assert query("SELECT count(*) FROM marts.fct_arr_month WHERE arr <> gross_arr") == [(0,)]


def test_past_due_counts_until_the_grace_is_over(tmp_path_factory: pytest.TempPathFactory) -> None:
    # past due from 1 March with 30 days: the last day of March is out of grace
    query = built(tmp_path_factory, "cancel_effective")
    assert by_month(query, "arr", "late") == flat("1200", 1, 2)
    assert query("SELECT reason FROM marts.fct_arr_movement WHERE account_id = 'late' AND movement = 'churn'") == [
        ("involuntary",)
    ]
    assert by_month(built(tmp_path_factory, "service_end"), "arr", "late") == flat("1200")


def test_a_return_after_a_long_gap_is_new(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, "cancel_requested")
    returns = (
        "SELECT movement, arr_delta FROM marts.fct_arr_movement WHERE account_id = ? AND month_start > '2025-02-01' "
        "AND grain = 'account'"
    )
    # last paid month end 31 January: 89 days to 30 April, 120 to 31 May
    assert query(returns, "short_gap") == [("reactivation", Decimal(1200))]
    assert query(returns, "long_gap") == [("new", Decimal(1200))]
    assert built(tmp_path_factory, "service_end")(returns, "long_gap") == [("reactivation", Decimal(1200))]
