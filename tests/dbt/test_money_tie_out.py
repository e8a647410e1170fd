"""Contracts against invoices and the ledger: every cause is named with its month and amount, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from support.money_companies import company, sandbox
from support.money_examples import PRODUCTS
from support.money_tie_out import AGREE, AS_OF, DIFFER, MONTHS, Bill, bill, monthly, rate, tables
from support.money_world import Query, item, world
from support.raw_money import state
from support.sandbox import rows

UNEXPLAINED = {"contract_without_bill", "billed_without_contract", "price_mismatch", "manual_journal"}


def billed(factory: pytest.TempPathFactory) -> Query:
    return world(factory, "billed", tables(AGREE + DIFFER))


def figures(query: Query, check: str, columns: str, lens: str = "company") -> list[tuple[Any, ...]]:
    return query(
        f"SELECT month(month_start), lens_value, {columns} FROM marts.tie_out "
        "WHERE check_key = ? AND lens = ? ORDER BY ALL",
        check, lens,
    )  # fmt: skip


@pytest.mark.parametrize("one", AGREE + DIFFER, ids=lambda one: one.account)
def test_each_difference_is_named_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, one: Bill) -> None:
    listed = billed(tmp_path_factory)(
        "SELECT month(month_start), cause, amount FROM marts.tie_out_detail WHERE lens = 'company' AND account_id = ?",
        one.account,
    )
    assert {(month, cause): amount for month, cause, amount in listed} == {
        key: Decimal(amount) for key, amount in one.listed.items()
    }


@pytest.mark.parametrize("name", ["billed", "sandbox"])
def test_the_list_adds_up_to_every_figure(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = billed(tmp_path_factory) if name == "billed" else company(tmp_path_factory, name)
    off = query(
        """WITH listed AS (
            SELECT month_start, check_key, lens, lens_value, sum(amount) AS amount,
                coalesce(sum(amount) FILTER (WHERE is_explained), 0) AS explained
            FROM marts.tie_out_detail GROUP BY ALL
        )
        SELECT * FROM marts.tie_out FULL JOIN listed USING (month_start, check_key, lens, lens_value)
        WHERE coalesce(difference, 0) <> coalesce(amount, 0)
            OR coalesce(tie_out.explained, 0) <> coalesce(listed.explained, 0)
            OR unexplained <> difference - tie_out.explained"""
    )
    assert off == []
    lines = query(
        """SELECT month_start, check_key FROM marts.tie_out WHERE check_key IN ('arr_to_billing', 'mrr_to_gl')
        GROUP BY ALL HAVING bool_or(lens = 'product_line')
            AND sum(difference) FILTER (WHERE lens = 'company') <> sum(difference) FILTER (WHERE lens <> 'company')"""
    )
    assert lines == []


def test_what_the_calendar_explains_is_the_calendar(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of what is right, a month's invoices and contracts differ by days, and cents, only: recomputed by hand."""
    query = billed(tmp_path_factory)
    years = {"yearly": 1200, "upgraded": 1200, "without_dates": 1200, "swapped": 1200, "prepaid_leaver": 1200,
             "cheap_year": 1080, "rise_never_billed": 1200, "discount_ran_out": 600}  # fmt: skip
    january = sum(Decimal(amount) / 12 - Decimal(amount) * 31 / 365 for amount in years.values())
    # billed for 22 of 31 days, exactly as it served: no difference
    counted = query("SELECT amount FROM marts.tie_out_detail WHERE cause = 'day_count' AND month_start = ? "
                    "AND lens = 'company'", "2025-01-01")  # fmt: skip
    assert counted == [(january.quantize(Decimal("0.01"), ROUND_HALF_UP),)]


def test_a_bundle_is_tied_out_by_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = billed(tmp_path_factory)
    parts = query("SELECT lens_value, amount FROM marts.tie_out_detail WHERE account_id = 'bundled' ORDER BY 1")
    assert parts == [("Core", Decimal(70)), ("Extra", Decimal(30)), ("all", Decimal(100))]
    assert query("SELECT DISTINCT lens_value FROM marts.tie_out_detail WHERE account_id = 'unlisted' ORDER BY 1") == [
        ("all",), ("unassigned",),
    ]  # fmt: skip


def test_the_note_says_where_an_invoice_went(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = billed(tmp_path_factory)(
        "SELECT item_id, invoice_id, line_id, note FROM marts.tie_out_detail "
        "WHERE lens = 'company' AND account_id = 'cheap_at_parent' AND month(month_start) = 2"
    )
    note = (
        "Billed at another price than the contract's, which is worth 100.00 in the month. "
        "Service 2025-02-01 to 2025-03-01. Billed to account parent."
    )
    assert found == [("cheap_at_parent", "inv-cheap_at_parent", "1", note)]


def test_the_status_follows_the_tolerance(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the larger side, a hundred: one unit is ok, two are a warning; of a product line, twice as much."""
    prices = {"100": "ok", "99": "ok", "98.99": "warn", "98": "warn", "97.99": "fail", "200": "fail"}
    lines = [row for n, price in enumerate(prices, 1) for row in monthly(price, n, n)]
    query = world(tmp_path_factory, "prices", tables((bill("a", "100", lines),)))
    tolerance = {n: Decimal(2 if n == 6 else 1) for n in range(1, 7)}
    assert figures(query, "arr_to_billing", "tolerance, status") == [
        (n, "all", tolerance[n], status) for n, status in enumerate(prices.values(), 1)
    ]
    assert figures(query, "arr_to_billing", "tolerance, status", "product_line") == [
        (n, "Core", 2 * tolerance[n], "fail" if n == 6 else "warn" if n == 5 else "ok") for n in range(1, 7)
    ]


def test_months_without_invoices_are_no_data_and_those_before_the_first_not_configured(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    query = world(tmp_path_factory, "invoiced_since_march", tables((bill("a", "100", monthly(first=3, last=5)),)))
    assert [row[2] for row in figures(query, "arr_to_billing", "status")] == [
        "not_configured", "not_configured", "ok", "ok", "ok", "no_data",
    ]  # fmt: skip
    assert (
        query("SELECT DISTINCT month(month_start) FROM marts.tie_out_detail WHERE check_key = 'arr_to_billing'") == []
    )


def test_money_without_a_rate_is_held_back_on_either_side(tmp_path_factory: pytest.TempPathFactory) -> None:
    bills = (
        bill("a", "100", monthly()),
        bill("b", (item("b", "2025-01-01", "100", currency="GBP", product_id="extra"),), monthly(currency="GBP")),
    )
    rates = [rate(month, "2", "month_end", "GBP") for month in MONTHS[:6] if month.month != 2]
    query = world(tmp_path_factory, "unpriced", tables(bills, fx_rates=rates))
    assert [row[2] for row in figures(query, "arr_to_billing", "status")] == ["ok", "no_data", "ok", "ok", "ok", "ok"]
    february = "SELECT lens_value, cause, amount FROM marts.tie_out_detail WHERE month(month_start) = 2 ORDER BY ALL"
    assert query(february) == [("Extra", "no_rate", None), ("all", "no_rate", None)]
    lines = figures(query, "arr_to_billing", "left_value, status", "product_line")
    assert [row[2:] for row in lines if row[0] == 2] == [
        (Decimal(100), "ok"), (None, "no_data"),
    ]  # fmt: skip


def posted(month: int, amount: str, product_line: str | None, **more: Any) -> dict[str, Any]:
    return {"period_month": MONTHS[month - 1], "gl_account": "4000", "revenue_class": "recurring",
            "product_line": product_line, "amount": amount, "currency": "USD", **more}  # fmt: skip


LEDGER = [
    # 100 and 100 EUR at the average rate, posted by segment
    *(posted(n, amount, "Core") for n in range(1, 7) for amount in ("150", "70")),
    *(posted(n, "50", "Extra", currency="EUR") for n in range(1, 7)),
    posted(2, "30", None, gl_account="4090"),
    posted(2, "-5", None, gl_account="4090"),
    posted(3, "40", "Extra", gl_account="4001"),
    posted(3, "999", "Core", revenue_class="services"),
]
LEDGER_BILLS = (
    bill("a", "100", monthly()),
    bill("b", (item("b", "2025-01-01", "100", currency="EUR"),), monthly(currency="EUR")),
    bill("c", (item("c", "2025-01-01", "60", product_id="extra"),), monthly("60")),
)


def test_the_ledger_is_bridged_to_the_contracts(tmp_path_factory: pytest.TempPathFactory) -> None:
    given = tables(LEDGER_BILLS, gl_revenue=LEDGER)
    given["finance_state"] = [state("full", AS_OF, has_invoices=True, has_gl=True)]
    query = world(tmp_path_factory, "ledger", given)
    causes = query(
        "SELECT month(month_start), lens_value, gl_account, cause, amount FROM marts.tie_out_detail "
        "WHERE check_key = 'mrr_to_gl' AND month(month_start) IN (1, 2, 3) ORDER BY ALL"
    )
    fx = Decimal(-10)
    assert causes == [
        (1, "Core", None, "fx", fx),
        (1, "all", None, "fx", fx),
        (2, "Core", None, "fx", fx),
        (2, "all", "4090", "manual_journal", Decimal(-25)),
        (2, "all", None, "fx", fx),
        (2, "unassigned", "4090", "manual_journal", Decimal(-25)),
        (3, "Core", None, "fx", fx),
        (3, "Extra", None, "ledger_above_contracts", Decimal(-40)),
        (3, "all", None, "fx", fx),
        (3, "all", None, "ledger_above_contracts", Decimal(-40)),
    ]
    # the left sides of both checks are the same figure
    assert figures(query, "mrr_to_gl", "left_value") == figures(query, "arr_to_billing", "left_value")
    assert [row[2] for row in figures(query, "mrr_to_gl", "status")] == ["ok", "fail", "fail", "ok", "ok", "ok"]


def test_a_ledger_without_product_lines_is_compared_for_the_company(tmp_path_factory: pytest.TempPathFactory) -> None:
    given = tables((bill("a", "100", monthly()),), gl_revenue=[posted(n, "80", None) for n in range(2, 6)])
    given["finance_state"] = [state("full", AS_OF, has_invoices=False, has_gl=True)]
    query = world(tmp_path_factory, "plain_ledger", given)
    assert [row[2:] for row in figures(query, "mrr_to_gl", "unexplained, status")] == [
        (None, "not_configured"), *[(Decimal(20), "fail")] * 4, (None, "no_data"),
    ]  # fmt: skip
    assert figures(query, "mrr_to_gl", "status", "product_line") == []
    assert query("SELECT DISTINCT cause FROM marts.tie_out_detail") == [("ledger_below_contracts",)]
    assert {row[2] for row in figures(query, "arr_to_billing", "status")} == {"not_configured"}


def test_in_minimum_mode_only_the_ledger_is_tied_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    given: dict[str, list[Any]] = {
        "finance_state": [state("minimum", "2025-02-28", has_invoices=True, has_gl=True)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": "a"}],
        "products": list(PRODUCTS),
        "arr_month": [{"month": month, "account_id": "a", "product_line": "Core", "currency": "USD", "arr": "1200"}
                      for month in MONTHS[:2]],
        "invoice_lines": tables((bill("a", (), monthly()),))["invoice_lines"],
        "gl_revenue": [posted(n, "100", "Core") for n in (1, 2)],
    }  # fmt: skip
    query = world(tmp_path_factory, "stated", given)
    assert {row[2] for row in figures(query, "arr_to_billing", "status")} == {"not_configured"}
    assert {row[2:] for row in figures(query, "mrr_to_gl", "left_value, right_value, status")} == {
        (Decimal(100), Decimal(100), "ok")
    }


def test_the_sandbox_s_discrepancies_are_found_and_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each one in its month, account, item and cause, with its amount in the reporting currency; and no other."""
    query, paths = company(tmp_path_factory, "sandbox"), sandbox(tmp_path_factory)
    rates = {
        (row["from_currency"], row["rate_date"][:7]): Decimal(row["rate"])
        for row in rows(paths, "fx_rates")
        if row["rate_type"] == "month_end"
    }
    planted: Counter[tuple[Any, ...]] = Counter()
    for note in json.loads(paths.truth.read_text(encoding="utf-8"))["billing_discrepancies"]:
        month = (note.get("period_month") or note["on"])[:7]
        amount = Decimal(note["amount"]) * rates.get((note["currency"], month), Decimal(1))
        cause = {"bill_without_contract": "billed_without_contract"}.get(note["what"], note["what"])
        where = (note.get("account_id"), note.get("item_id"), note.get("gl_account"))
        # planted as invoices (or ledger) minus contract
        planted[month, cause, *where, -amount.quantize(Decimal("0.01"), ROUND_HALF_UP)] += 1
    found = Counter(
        query(
            "SELECT strftime(month_start, '%Y-%m'), cause, account_id, item_id, gl_account, amount "
            "FROM marts.tie_out_detail WHERE lens = 'company' AND (NOT is_explained OR cause IN ('credit', 'refund'))"
        )
    )
    assert found == planted
    assert {cause for _, cause, *_ in found} == UNEXPLAINED | {"credit", "refund"}
