"""The board's metrics of usage: they are those of the marts, quarters are last months, and money stays what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.board.registry import METRICS
from support import raw_money
from support.usage_world import UsageHome, company_tables, events, ledger

_built: dict[Path, UsageHome] = {}
AS_OF = "2024-03-31"  # usage goes on to 15 April: April is known in part, and adoption's last month is March


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> UsageHome:
    base = tmp_path_factory.getbasetemp()
    if base not in _built:
        made = company_tables() | {"amplitude_events": events(5), "amplitude_hours": ledger(71)}
        made["finance_state"] = [raw_money.state("minimum", AS_OF, has_entitlements=True)]
        home = UsageHome(tmp_path_factory.mktemp("board") / "warehouse.duckdb", base / "dbt_usage")
        home.fill(made)
        home.dbt("run", "--select", "+board_metrics", "--full-refresh")
        _built[base] = home
    return _built[base]


@pytest.mark.parametrize(
    ("metric", "value", "numerator", "mart", "where"),
    [
        ("active_users", "active", "active", "active_usage", "unit = 'user' AND period_grain = 'month'"),
        ("active_accounts", "active", "active", "active_usage", "unit = 'account' AND period_grain = 'month'"),
        ("stickiness", "stickiness", "daily_active_sum", "active_usage", "unit = 'user' AND period_grain = 'month'"),
        ("adoption_rate", "adoption_rate", "current_accounts", "adoption", "entitled_accounts > 0"),
        ("established_rate", "established_rate", "adopted_established", "adoption", "entitled_accounts > 0"),
        ("arr_adoption_rate", "arr_adoption_rate", "adopted_arr", "adoption", "entitled_accounts > 0"),
    ],
)
def test_months_are_those_of_the_marts(
    home: UsageHome, metric: str, value: str, numerator: str, mart: str, where: str
) -> None:
    start = "period_start" if mart == "active_usage" else "month_start"
    marts = home.query(
        f"SELECT {start}, dimension, segment, scope, scope_key, {value}::DOUBLE, {numerator}, is_complete "
        f"FROM marts.{mart} WHERE scope <> 'feature' AND {start} <= DATE '2024-04-15' AND {where} ORDER BY ALL"
    )
    board = home.query(
        "SELECT period_start, dimension, segment, scope, scope_key, value, numerator, is_complete "
        f"FROM marts.board_metrics WHERE metric_key = '{metric}' AND period_type = 'month' "
        f"AND {'true' if mart == 'active_usage' else '''scope <> 'all' '''} ORDER BY ALL"
    )
    assert len(marts) > 20
    assert board == [(*row[:5], pytest.approx(row[5]) if row[5] else row[5], *row[6:]) for row in marts]


def test_over_everything_an_account_counts_once(home: UsageHome) -> None:
    found = home.query("""
        SELECT period_start, dimension, segment, metric_key, numerator, denominator FROM marts.board_metrics
        WHERE scope = 'all' AND period_type = 'month' AND metric_key IN ('adoption_rate', 'arr_adoption_rate')
    """)
    expected = home.query("""
        WITH lines AS (
            SELECT a.*, s.dimension, s.segment FROM intermediate.int_usage__adoption_month a
            JOIN intermediate.int_usage__adoption_months m USING (month_start)
            JOIN intermediate.int_company__account_segments s
                ON s.account_id = a.account_id AND m.state_date >= s.valid_from AND m.state_date < s.valid_to
            WHERE entitled AND scope = 'product_line'
        )
        SELECT month_start, dimension, segment, 'adoption_rate',
            count(DISTINCT account_id) FILTER (WHERE days_28d > 0), count(DISTINCT account_id)
        FROM lines GROUP BY 1, 2, 3
        UNION ALL
        SELECT month_start, dimension, segment, 'arr_adoption_rate',
            coalesce(sum(arr) FILTER (WHERE days_28d > 0), 0), sum(arr) FROM lines GROUP BY 1, 2, 3
    """)
    assert len(found) > 10 and sorted(found) == sorted(expected)


def test_a_quarter_is_its_last_month_and_over_when_that_is(home: UsageHome) -> None:
    rows = home.query("""
        SELECT q.metric_key, q.period_start::VARCHAR, m.period_start::VARCHAR, q.is_complete, q.value = m.value
        FROM marts.board_metrics q JOIN marts.board_metrics m
            USING (metric_key, dimension, segment, scope, scope_key, numerator)
        WHERE q.metric_key IN ('active_users', 'adoption_rate')
            AND q.period_type = 'quarter' AND m.period_type = 'month'
            AND q.dimension = 'all' AND q.scope = 'all'
            AND m.period_start = CASE WHEN q.period_start = '2024-01-01' THEN '2024-03-01' ELSE '2024-04-01' END::DATE
        ORDER BY ALL
    """)
    assert rows == [
        ("active_users", "2024-01-01", "2024-03-01", True, True),
        ("active_users", "2024-04-01", "2024-04-01", False, True),
        ("adoption_rate", "2024-01-01", "2024-03-01", True, True),
    ]
    before = home.query("""
        SELECT count(*) FROM marts.board_metrics
        WHERE NOT is_complete AND (previous_value IS NOT NULL OR year_ago_value IS NOT NULL OR status <> 'incomplete')
    """)
    assert before == [(0,)]


def test_every_metric_of_usage_has_figures_and_says_whose_checks_vouch_for_it(home: UsageHome) -> None:
    found = home.query("SELECT DISTINCT metric_key, publish_group, owner FROM marts.board_metrics WHERE scope = 'all'")
    usage = {(m.key, m.publish_group, "product") for m in METRICS if m.publish_group != "money"}
    assert {row for row in found if row[1] != "money"} == usage
    assert {row[2] for row in found if row[1] == "money"} == {"finance"}
    assert home.query(
        "SELECT count(*) FROM marts.board_metrics JOIN intermediate.int_board__money_metrics "
        "USING (period_type, period_start, metric_key, dimension, segment, scope, scope_key, numerator)"
    ) == home.query("SELECT count(*) FROM intermediate.int_board__money_metrics")
