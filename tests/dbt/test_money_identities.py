"""The identities that make a CFO and a product officer look at the same number, on every company at hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from support.money_companies import company, sandbox
from support.money_examples import tables
from support.money_identities import broken
from support.money_world import contents, run_money, world
from support.raw_money import state

COMPANIES = pytest.mark.parametrize("name", ["story", "journey", "sandbox"])


@COMPANIES
def test_every_bridge_closes_to_the_cent(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    moves = (
        "new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr + fx_arr + transfer_in_arr "
        "+ transfer_out_arr"
    )
    assert query("SELECT count(*) > 10 FROM marts.arr_by_segment") == [(True,)]
    assert query(f"SELECT * FROM marts.arr_by_segment WHERE opening_arr + {moves} <> closing_arr") == []
    accounts = "new_accounts + reactivated_accounts - churned_accounts + transfer_in_accounts - transfer_out_accounts"
    assert query(f"SELECT * FROM marts.arr_by_segment WHERE opening_accounts + {accounts} <> closing_accounts") == []


@COMPANIES
def test_a_month_opens_where_the_last_one_closed(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    for mart, keys in (("arr_by_segment", "dimension, segment"), ("arr_by_product_line", "product_line")):
        gaps = query(
            f"WITH shifted AS (SELECT (month_start + INTERVAL 1 MONTH)::DATE AS month_start, {keys}, closing_arr "
            f"FROM marts.{mart}) SELECT month_start, {keys} FROM marts.{mart} AS now "
            f"FULL JOIN shifted USING (month_start, {keys}) "
            "WHERE coalesce(now.opening_arr, 0) <> coalesce(shifted.closing_arr, 0) "
            f"AND month_start <= (SELECT max(month_start) FROM marts.{mart})"
        )
        assert gaps == []


@COMPANIES
def test_transfers_sum_to_zero(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    unequal = query(
        "SELECT month_start, dimension FROM marts.arr_by_segment GROUP BY ALL "
        "HAVING sum(transfer_in_arr + transfer_out_arr) <> 0 OR sum(transfer_in_accounts) <> sum(transfer_out_accounts)"
    )
    assert unequal == []


@COMPANIES
def test_one_arr_whichever_way_it_is_summed(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    sums = query(
        "WITH sums AS (SELECT 'account' AS way, month_start, sum(arr) AS arr FROM marts.fct_arr_month GROUP BY ALL "
        "UNION ALL SELECT 'line', month_start, sum(closing_arr) FROM marts.arr_by_product_line GROUP BY ALL "
        "UNION ALL SELECT dimension, month_start, sum(closing_arr) FROM marts.arr_by_segment GROUP BY ALL "
        "UNION ALL SELECT dimension || ' and line', month_start, sum(closing_arr) "
        "FROM marts.arr_by_segment_and_product_line GROUP BY ALL) "
        "SELECT month_start, count(*), count(DISTINCT arr) FROM sums WHERE arr <> 0 GROUP BY ALL"
    )
    ways = 2 + 2 * query("SELECT count(DISTINCT dimension) FROM marts.arr_by_segment")[0][0]
    assert {(count, values) for _, count, values in sums} == {(ways, 1)}


@COMPANIES
def test_shares_of_arr_add_up_to_one(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    wrong = query(
        "SELECT month_start, dimension FROM marts.arr_by_segment_and_product_line GROUP BY ALL "
        "HAVING abs(sum(share_of_arr) - 1) > 1e-9"
    )
    assert wrong == []


@COMPANIES
def test_every_identity_holds(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    assert broken(company(tmp_path_factory, name)) == {}


@COMPANIES
def test_a_second_run_gives_the_same_rows(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    before = contents(query)
    warehouse = Path(query("SELECT path FROM duckdb_databases() WHERE database_name = 'warehouse'")[0][0])
    run_money(tmp_path_factory, warehouse)
    assert contents(query) == before


@pytest.mark.parametrize("name", ["journey", "sandbox"])
def test_every_tie_out_is_ok(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    own = "check_key NOT IN ('arr_to_billing', 'mrr_to_gl')"
    assert query(f"SELECT check_key, lens, lens_value FROM marts.tie_out WHERE status <> 'ok' AND {own}") == []
    given = query("SELECT count(*) FROM raw.control_totals")
    assert query("SELECT count(*) FROM marts.tie_out WHERE check_key = 'control_total'") == given
    assert query("SELECT count(DISTINCT check_key) FROM marts.tie_out") == [(5,)]


def test_the_example_company_is_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = company(tmp_path_factory, "journey")
    assert query("SELECT count(*), count(DISTINCT root_account_id) FROM marts.dim_account") == [(249, 249)]
    assert query(
        "SELECT count(*) FROM (SELECT month_start, sum(arr) AS arr FROM marts.fct_arr_month GROUP BY 1) AS months "
        "JOIN raw.control_totals AS totals ON totals.month = months.month_start AND totals.value = months.arr"
    ) == [(12,)]
    assert query(
        "SELECT count(*) FROM marts.fct_arr_month WHERE gross_arr <> arr OR carr <> arr OR arr_constant <> arr "
        "OR arr_past_due <> 0 OR arr_at_notice <> 0 OR usage_run_rate <> 0"
    ) == [(0,)]


def test_the_sandbox_truth_is_found_in_every_cell(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = company(tmp_path_factory, "sandbox")
    truth = json.loads(sandbox(tmp_path_factory).truth.read_text(encoding="utf-8"))["closing_arr"]
    expected = {(r["month_start"], r["dimension"], r["segment"], r["product_line"]): Decimal(r["arr"]) for r in truth}
    found = query(
        "SELECT month_start::VARCHAR, dimension, segment, product_line, closing_arr "
        "FROM marts.arr_by_segment_and_product_line WHERE closing_arr <> 0"
    )
    assert {row[:4]: row[4] for row in found} == expected


def test_every_planted_migration_is_found_and_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = company(tmp_path_factory, "sandbox")
    story = json.loads(sandbox(tmp_path_factory).truth.read_text(encoding="utf-8"))["story"]
    planted = {(row["account_id"], f"{row['on'][:7]}-01") for row in story if row["what"] == "migration"}
    found = query(
        "SELECT account_id, month_start::VARCHAR, count(*) FILTER (WHERE movement = 'migration_out'), "
        "count(*) FILTER (WHERE movement = 'migration_in') FROM marts.fct_arr_movement "
        "WHERE movement LIKE 'migration%' GROUP BY ALL ORDER BY ALL"
    )
    assert found == [(*key, 1, 1) for key in sorted(planted)]
    reasons = query("SELECT DISTINCT reason FROM marts.fct_arr_movement WHERE movement LIKE 'migration%' ORDER BY 1")
    assert reasons == [("replacement",), ("succession",)]


def test_control_totals_name_what_they_are_compared_with(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = company(tmp_path_factory, "story")(
        "SELECT lens, lens_value, left_value, difference, status FROM marts.tie_out "
        "WHERE check_key = 'control_total' ORDER BY ALL"
    )
    assert rows == [
        ("company recurring_revenue", "all", None, None, "not_configured"),
        ("segment", "misspelled", None, None, "no_data"),
        ("size", "mid", Decimal(1920), Decimal(0), "ok"),
        ("size and product_line paying_accounts", "mid | Core", Decimal(1), Decimal(0), "ok"),
        ("size mrr", "mid", Decimal(160), Decimal("-0.02"), "fail"),
    ]


def test_without_contracts_the_money_marts_are_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = tables(()) | {"finance_state": [state("none", None)], "accounts": [{"account_id": "a"}]}
    query = world(tmp_path_factory, "none", rows)
    money = ("fct_arr_month", "fct_arr_movement", "arr_by_segment", "arr_by_product_line", "tie_out")
    assert [query(f"SELECT count(*) FROM marts.{mart}") for mart in money] == [[(0,)]] * len(money)
    assert query("SELECT account_id, first_arr_month_start, is_paying FROM marts.dim_account") == [("a", None, False)]
    assert query("SELECT dimension, segment FROM marts.dim_account_segment ORDER BY 1") == [
        ("industry", "unassigned"), ("size", "unassigned"),
    ]  # fmt: skip
