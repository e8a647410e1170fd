"""Revenue, cost and growth by product line, from a ledger in two currencies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.money_companies import company
from support.money_examples import PRODUCTS
from support.money_world import Query, item, world
from support.raw_money import Row, state

MONTHS = [f"2025-{month:02}-01" for month in range(1, 9)]
SPENT = ("100", "200", "300", "50", "50", "60", "70", "80")


def booked(month: str, revenue_class: str, amount: str, line: str | None = None, currency: str = "USD") -> Row:
    return {"period_month": month, "gl_account": "x", "revenue_class": revenue_class, "product_line": line,
            "amount": amount, "currency": currency, "is_closed": True}  # fmt: skip


LEDGER: list[Row] = [
    *(booked(month, "s_and_m", spent) for month, spent in zip(MONTHS, SPENT, strict=True)),
    *(booked(month, "s_and_m", "10", "company") for month in MONTHS[:3]),
    booked("2025-03-01", "recurring", "1000.005", "Core"),
    booked("2025-03-01", "usage", "200", "Core"),
    booked("2025-03-01", "services", "300"),
    booked("2025-03-01", "cogs", "400", "Core"),
    booked("2025-03-01", "cogs", "100", "Core", "EUR"),
    booked("2025-03-01", "r_and_d", "77"),
    # no average rate in April: unknown, not smaller
    booked("2025-04-01", "recurring", "500", "Core"),
    booked("2025-04-01", "cogs", "100", "Core", "EUR"),
    # no money row exists after the as-of date
    booked("2025-12-01", "recurring", "500", "Core"),
]  # fmt: skip


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    rates: list[Row] = [
        {"rate_date": day, "from_currency": "EUR", "to_currency": "USD", "rate": rate, "rate_type": kind}
        for day, rate, kind in (("2025-03-31", "1.25", "average"), ("2025-04-30", "9", "month_end"))
    ]
    tables: dict[str, list[Row]] = {
        "finance_state": [state("full", "2025-08-15", has_gl=True)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": "one"}, {"account_id": "two"}],
        "products": [*PRODUCTS, {"product_id": "own", "product_name": "Own", "product_line": "company"}],
        "subscription_items": [
            item("one", "2025-01-01", "100"),
            item("one", "2025-04-10", "40", item_id="own", product_id="own"),
            item("two", "2025-05-10", "50", "2025-08-10", product_id="own"),
        ],
        "gl_revenue": LEDGER,
        "fx_rates": rates,
    }
    return world(tmp_path_factory, "economics", tables)


def row(query: Query, month: str, line: str, is_total: bool = False) -> dict[str, Any]:
    names = [found[0] for found in query("DESCRIBE marts.product_economics")]
    rows = query(
        "SELECT * FROM marts.product_economics WHERE month_start = ?::DATE AND product_line = ? AND is_total = ?",
        month, line, is_total,
    )  # fmt: skip
    return dict(zip(names, rows[0], strict=True)) if rows else {}


def test_margins_in_the_reporting_currency(query: Query) -> None:
    core = row(query, "2025-03-01", "Core")
    assert (core["recurring_revenue"], core["revenue"], core["cogs"]) == (Decimal("1000.01"), Decimal("1200.01"), 525)
    assert core["gross_margin"] == pytest.approx(1 - 525 / 1200.005)
    assert core["r_and_d"] is core["s_and_m"] is core["magic_number"] is None  # the ledger books none on the line
    whole = row(query, "2025-03-01", "company", is_total=True)
    assert (whole["revenue"], whole["cogs"], whole["r_and_d"], whole["s_and_m"]) == (Decimal("1500.01"), 525, 77, 310)


def test_an_amount_without_a_rate_is_unknown(query: Query) -> None:
    for found in (row(query, "2025-04-01", "Core"), row(query, "2025-04-01", "company", is_total=True)):
        assert (found["recurring_revenue"], found["cogs"], found["gross_margin"]) == (500, None, None)


def test_a_line_named_company_is_not_the_company(query: Query) -> None:
    assert row(query, "2025-02-01", "company")["s_and_m"] == 10
    assert row(query, "2025-02-01", "company", is_total=True)["s_and_m"] == 210


def test_the_magic_number_is_growth_by_what_was_spent_a_quarter_before(query: Query) -> None:
    # April to June: 480 and 600 of ARR won; January to March: 110 + 210 + 310 spent
    june = row(query, "2025-06-01", "company", is_total=True)
    assert (june["net_new_arr_quarter"], june["s_and_m_quarter_before"]) == (1080, 630)
    assert june["magic_number"] == 1080 / 630
    assert row(query, "2025-06-01", "company") == {}  # the ledger books nothing on it in June
    may = row(query, "2025-05-01", "company", is_total=True)
    assert (may["net_new_arr"], may["s_and_m_quarter_before"], may["magic_number"]) == (600, None, None)
    august = row(query, "2025-08-01", "company", is_total=True)
    assert (august["net_new_arr"], august["is_complete"]) == (-600, False)
    assert august["magic_number"] == -600 / (310 + 50 + 50)


def test_a_published_magic_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    """dnoise.online/en/metrics/formulas/magic-number-formula: 400,000 spent, 30,000 of net new MRR a quarter later."""
    tables: dict[str, list[Row]] = {
        "finance_state": [state("full", "2025-06-30", has_gl=True)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": "old"}, {"account_id": "new"}, {"account_id": "gone"}],
        "subscription_items": [
            item("old", "2025-01-01", "90000"),
            item("gone", "2025-01-01", "5000", "2025-05-01"),
            item("new", "2025-04-20", "35000"),
        ],
        "products": list(PRODUCTS),
        "gl_revenue": [
            booked("2025-01-01", "s_and_m", "100000"),
            booked("2025-02-01", "s_and_m", "100000"),
            booked("2025-03-01", "s_and_m", "200000"),
            booked("2025-06-01", "s_and_m", "1"),
        ],
    }  # fmt: skip
    query = world(tmp_path_factory, "published_magic", tables)
    assert row(query, "2025-06-01", "company", is_total=True)["magic_number"] == 0.9


@pytest.mark.parametrize("name", ["story", "journey", "sandbox"])
def test_growth_is_the_bridges(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    assert bool(query("SELECT 1 FROM marts.product_economics LIMIT 1")) == (name == "sandbox")
    assert query(
        "SELECT month_start FROM marts.product_economics AS e JOIN (SELECT month_start, sum(arr_delta) AS arr_delta "
        "FROM marts.fct_arr_movement WHERE grain = 'account' AND movement <> 'fx' GROUP BY 1) AS moved "
        "USING (month_start) WHERE e.is_total AND e.net_new_arr <> moved.arr_delta"
    ) == []  # fmt: skip
    assert query(
        "SELECT month_start FROM marts.product_economics GROUP BY 1 HAVING "
        "sum(net_new_arr) FILTER (WHERE is_total) <> sum(net_new_arr) FILTER (WHERE NOT is_total) "
        "OR sum(recurring_revenue) FILTER (WHERE is_total) < sum(recurring_revenue) FILTER (WHERE NOT is_total)"
    ) == []  # fmt: skip
