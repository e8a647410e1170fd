"""Exchange rates: month ends, the month that is not over, constant currency, money held back without a rate."""

from __future__ import annotations

from decimal import Decimal

import pytest

from support.money_examples import MONTHS, flat
from support.money_story import STORY
from support.money_world import Query, by_month, world


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return world(tmp_path_factory, "story", STORY)


def test_each_month_has_its_own_rate_and_an_unfinished_one_the_latest_known(query: Query) -> None:
    rows = query(
        "SELECT fx_rate, arr_local FROM marts.fct_arr_month WHERE account_id = 'euro_grows' ORDER BY month_start"
    )
    rates = [Decimal(rate) for rate in ("1.00", "1.10", "1.10", "1.20", "1.20", "0.90", "1.30")]
    assert [rate for rate, _ in rows] == rates
    assert [local for _, local in rows] == [Decimal(1200)] * 3 + [Decimal(1800)] * 4


def test_an_unchanged_contract_moves_by_exchange_rates_alone(query: Query) -> None:
    # 33.3333 a month is 399.9996 a year: what rounding did to the local figure is no movement either
    kinds = query(
        "SELECT grain, movement, count(*) FROM marts.fct_arr_movement WHERE account_id = 'euro' "
        "GROUP BY ALL ORDER BY ALL"
    )
    assert kinds == [("account", "fx", 4), ("account", "new", 1), ("product", "fx", 4), ("product", "new_logo", 1)]


def test_growth_and_exchange_rate_are_told_apart(query: Query) -> None:
    rows = query(
        "SELECT grain, movement, arr_delta FROM marts.fct_arr_movement WHERE account_id = 'euro_grows' "
        "AND month_start = '2025-04-01' ORDER BY ALL"
    )
    # 1200 × 1.20 − 1320 = 120 is the rate; the rest of 2160 − 1320 is growth at the new rate
    growth, rate = Decimal("720.00"), Decimal("120.00")
    assert rows == [
        ("account", "expansion", growth), ("account", "fx", rate),
        ("product", "fx", rate), ("product", "upsell", growth),
    ]  # fmt: skip


def test_constant_currency_uses_one_plan_rate_for_all_months(query: Query) -> None:
    assert by_month(query, "arr_constant", "euro_grows") == flat("1260", 1, 3) | flat("1890", 4)
    assert by_month(query, "arr_constant", "annual") == flat("1200")


def test_a_currency_without_plan_rate_has_no_constant_arr(query: Query) -> None:
    assert query("SELECT count(*), count(arr_constant) FROM marts.fct_arr_month WHERE currency = 'GBP'") == [(6, 0)]


def test_a_month_without_rate_is_held_back_and_listed(query: Query) -> None:
    assert list(by_month(query, "arr", "pound")) == [month for month in MONTHS if month != "2025-02"]
    rows = query(
        "SELECT month_start::VARCHAR, currency, rate_needed_on::VARCHAR, accounts, arr_local FROM audit.fx_missing"
    )
    assert rows == [("2025-02-01", "GBP", "2025-02-28", 1, Decimal(1200))]
