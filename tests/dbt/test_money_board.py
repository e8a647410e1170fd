"""The board's metrics: months, fiscal quarters, comparisons, targets; and that their figures are those of the marts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from assets.board.registry import METRICS
from support.money_companies import company
from support.money_examples import tables
from support.money_world import Query, item, world
from support.raw_money import BOARD, Row, state

TARGETS = {"arr": 2000.0, "net_new_arr": 0.0, "arr_at_notice": 100.0, "arpa": 10.0}
ITEMS: list[Row] = [
    item("steady", "2025-01-01", "100", "2025-03-10"),
    item("steady", "2025-03-10", "150", "2025-04-10", version_no=2),
    item("steady", "2025-04-10", "140", version_no=3),
    item("leaver", "2025-02-01", "200", "2025-06-10", cancel_requested_at="2025-05-02"),
    item("late", "2026-06-05", "50", product_id="extra"),
]
WORLD = tables(
    (),
    {
        "accounts": [{"account_id": account} for account in ("steady", "leaver", "late")],
        "subscription_items": ITEMS,
        "account_segments": [
            {"account_id": account, "dimension": "size", "value": value, "valid_from": "2020-01-01"}
            for account, value in (("steady", "mid"), ("leaver", "smb"), ("late", "mid"))
        ],
    },
) | {
    "finance_state": [state("full", "2026-07-15")],
    "board_metrics": [{**row, "target": TARGETS.get(row["metric_key"])} for row in BOARD],
}


def built(factory: pytest.TempPathFactory, fiscal: int) -> Query:
    return world(factory, f"board{fiscal}", WORLD, fiscal_year_starts_in=fiscal)


def series(query: Query, metric: str, period_type: str, column: str = "value", where: str = "true") -> dict[str, Any]:
    """A column of one metric of the company by period (``YYYY-MM``)."""
    rows = query(
        f"SELECT strftime(period_start, '%Y-%m'), {column} FROM marts.board_metrics WHERE metric_key = ? "
        f"AND period_type = ? AND dimension = 'all' AND scope = 'all' AND {where} ORDER BY 1",
        metric,
        period_type,
    )
    return dict(rows)


def test_a_quarter_is_its_last_month_end_the_sum_of_its_months_or_the_ratio_of_their_sums(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    query = built(tmp_path_factory, 2)
    quarters = ["2024-11", "2025-02", "2025-05", "2025-08", "2025-11", "2026-02", "2026-05"]
    assert series(query, "arr", "quarter") == dict(
        zip(quarters, [1200, 4080, 1680, 1680, 1680, 1680, 2280], strict=True)
    )
    assert series(query, "net_new_arr", "quarter") == dict(
        zip(quarters, [1200, 2880, -2400, 0, 0, 0, 600], strict=True)
    )
    # February to April: 2,400 + 600 won in two months, 120 lost in a third
    assert series(query, "quick_ratio", "quarter") == dict(
        zip(quarters, [None, 25, 0, None, None, None, None], strict=True)
    )
    assert series(query, "arpa", "quarter")["2025-02"] == 170
    assert series(query, "arr", "month")["2025-03"] == 4200


def test_quarters_follow_the_fiscal_year(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, 12)
    quarters = ["2024-12", "2025-03", "2025-06", "2025-09", "2025-12", "2026-03", "2026-06"]
    assert series(query, "arr", "quarter") == dict(
        zip(quarters, [3600, 4080, 1680, 1680, 1680, 1680, 2280], strict=True)
    )
    assert series(query, "net_new_arr", "quarter") == dict(zip(quarters, [3600, 480, -2400, 0, 0, 0, 600], strict=True))
    assert series(query, "quick_ratio", "quarter")["2025-03"] == 5
    # two of its three months are not there: not over
    assert set(series(query, "arr", "quarter", where="NOT is_complete")) == {"2026-06"}


def test_a_period_is_compared_with_the_one_before_and_the_one_a_year_before(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    query = built(tmp_path_factory, 2)
    assert series(query, "arr", "month", "previous_value")["2025-06"] == 4080
    assert series(query, "arr", "month", "year_ago_value")["2026-06"] == 1680
    assert series(query, "arr", "quarter", "previous_value")["2025-05"] == 4080
    assert series(query, "arr", "quarter", "year_ago_value")["2026-02"] == 4080
    assert series(query, "arr", "month", "previous_value")["2025-01"] is None
    assert series(query, "arr", "month", "year_ago_value")["2025-12"] is None


def test_a_period_that_is_not_over_is_shown_and_compared_with_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = built(tmp_path_factory, 2)(
        "SELECT DISTINCT period_type, period_start::VARCHAR, status, previous_value, year_ago_value "
        "FROM marts.board_metrics WHERE NOT is_complete ORDER BY ALL"
    )
    assert rows == [
        ("month", "2026-07-01", "incomplete", None, None),
        ("quarter", "2026-05-01", "incomplete", None, None),
    ]
    assert series(built(tmp_path_factory, 2), "arr", "month")["2026-07"] == 2280


def test_what_is_gone_is_nothing_and_not_what_it_once_was(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, 2)
    rows = query(
        "SELECT period_type, strftime(period_start, '%Y-%m'), value, previous_value FROM marts.board_metrics "
        "WHERE metric_key = 'arr' AND segment = 'smb' AND scope = 'all' "
        "AND period_start IN ('2025-05-01', '2025-06-01') ORDER BY ALL"
    )
    assert rows == [
        ("month", "2025-05", 2400, 2400),
        ("month", "2025-06", 0, 2400),
        ("quarter", "2025-05", 0, 2400),
    ]


def test_targets_are_the_companys_and_those_of_flows_are_for_quarters(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = built(tmp_path_factory, 2)
    assert series(query, "arr", "quarter", "status") == {
        "2024-11": "off_target", "2025-02": "on_target", "2025-05": "off_target", "2025-08": "off_target",
        "2025-11": "off_target", "2026-02": "off_target", "2026-05": "incomplete",
    }  # fmt: skip
    assert series(query, "net_new_arr", "quarter", "status")["2025-08"] == "on_target"
    assert set(series(query, "net_new_arr", "month", "target").values()) == {None}
    notice = series(query, "arr_at_notice", "month", "status")
    assert (notice["2025-04"], notice["2025-05"], notice["2025-06"]) == ("on_target", "off_target", "on_target")
    assert series(query, "arpa", "month", "status")["2025-05"] == "too_small"
    assert series(query, "arpa", "month", "is_small")["2025-05"] is True
    assert series(query, "quick_ratio", "month", "status")["2025-05"] == "no_value"
    assert query("SELECT count(*) FROM marts.board_metrics WHERE target IS NOT NULL AND segment <> 'all'") == [(0,)]


COMPANIES = pytest.mark.parametrize("name", ["story", "journey", "sandbox"])


@COMPANIES
def test_a_value_is_its_numerator_over_its_denominator(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    wrong = company(tmp_path_factory, name)(
        "SELECT * FROM marts.board_metrics WHERE value IS DISTINCT FROM "
        "CASE WHEN kind = 'rate' THEN numerator::DOUBLE / nullif(denominator, 0) ELSE numerator::DOUBLE END "
        "OR (kind <> 'rate' AND (value IS NULL OR denominator IS NOT NULL))"
    )
    assert wrong == []


@COMPANIES
def test_money_adds_up_to_the_company_in_every_dimension(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    money = [m.key for m in METRICS if m.unit == "currency" and m.kind != "rate"]
    sums = query(
        "SELECT period_type, period_start, metric_key, dimension, scope, sum(numerator) AS amount "
        f"FROM marts.board_metrics WHERE metric_key IN ({', '.join('?' * len(money))}) GROUP BY ALL",
        *money,
    )
    whole = {(*row[:3],): row[5] for row in sums if row[3] == row[4] == "all"}
    assert len(whole) > 50
    assert [row for row in sums if row[5] != whole[row[:3]]] == []


@COMPANIES
def test_figures_are_those_of_the_marts(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    for metric, mart, column in (
        ("arr", "arr_by_segment", "closing_arr"),
        ("churn_arr", "arr_by_segment", "churn_arr"),
        ("paying_accounts", "arr_by_segment", "closing_accounts"),
        ("quick_ratio", "arr_by_segment", "quick_ratio"),
    ):
        differing = query(
            f"SELECT * FROM marts.{mart} AS mart LEFT JOIN marts.board_metrics AS board ON board.period_type = 'month' "
            "AND board.period_start = mart.month_start AND board.dimension = mart.dimension "
            "AND board.segment = mart.segment AND board.scope = 'all' AND board.metric_key = ? "
            f"WHERE board.value IS DISTINCT FROM mart.{column}::DOUBLE OR board.metric_key IS NULL",
            metric,
        )
        assert differing == [], metric
    rates = query(
        "SELECT count(*) FROM marts.arr_by_product_line AS mart LEFT JOIN marts.board_metrics AS board "
        "ON board.period_type = 'month' AND board.period_start = mart.month_start AND board.dimension = 'all' "
        "AND board.scope_key = mart.product_line AND board.metric_key = 'attach_rate' "
        "WHERE board.value IS DISTINCT FROM mart.attach_rate"
    )
    assert rates == [(0,)]
    months = query("SELECT month_start, sum(arr) FROM marts.fct_arr_month GROUP BY 1 ORDER BY 1")
    board = query(
        "SELECT period_start, numerator FROM marts.board_metrics WHERE metric_key = 'arr' AND dimension = 'all' "
        "AND scope = 'all' AND period_type = 'month' ORDER BY 1"
    )
    assert board == months


def test_every_metric_of_money_has_figures(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = company(tmp_path_factory, "sandbox")("SELECT DISTINCT metric_key FROM marts.board_metrics")
    assert {key for (key,) in found} == {metric.key for metric in METRICS if metric.publish_group == "money"}


def test_the_board_of_the_sandbox_is_chosen_and_ordered(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = company(tmp_path_factory, "sandbox")(
        "SELECT DISTINCT board_position, metric_key, target FROM marts.board_metrics "
        "WHERE board_position IS NOT NULL AND dimension = 'all' AND scope = 'all' ORDER BY 1"
    )
    assert rows[:2] == [(1, "arr", None), (2, "net_new_arr", None)]
    assert rows[-1] == (len(rows), "quick_ratio", 3.0)


def test_cents_are_exact(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = company(tmp_path_factory, "story")(
        "SELECT numerator FROM marts.board_metrics WHERE metric_key = 'arr' AND dimension = 'all' AND scope = 'all' "
        "AND period_type = 'month' AND period_start = '2025-02-01'"
    )
    assert [type(value) for (value,) in rows] == [Decimal]
