"""What falls due for renewal, what was renewed, and what came of cohorts of customers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from support.money_companies import company
from support.money_examples import PRODUCTS
from support.money_world import Query, item, world
from support.raw_money import Row, state
from support.retention_reference import Book, by_account

COMPANIES = pytest.mark.parametrize("name", ["story", "journey", "sandbox"])
TERM = {"interval": "year", "term_start": "2025-04-10", "term_end": "2026-04-10"}
NEXT = {**TERM, "term_start": "2026-04-10", "term_end": "2027-04-10"}
NO_TERM = {"term_start": None, "term_end": None}


def contract(account: str, amount: str, begin: str = "2025-04-10", end: str | None = None, **terms: Any) -> Row:
    """A yearly contract whose term ends on 10 April 2026."""
    return item(account, begin, amount, end, **{**TERM, **terms})


# one account a case, its own segment of size; as of 15 August 2026 with fiscal quarters from February, May, August
CASES: dict[str, tuple[Row, ...]] = {
    # a new version, 1000 of 1000 and 200 more
    "renews_higher": (
        contract("renews_higher", "1000", end="2026-04-10"),
        contract("renews_higher", "1200", "2026-04-10", version_no=2, **NEXT),
    ),
    "renews_lower": (
        contract("renews_lower", "1000", end="2026-04-10"),
        contract("renews_lower", "700", "2026-04-10", item_id="lower2", replaces_item_id="renews_lower", **NEXT),
    ),
    # a new item that names nothing, ten days late
    "renews_late": (
        contract("renews_late", "1000", end="2026-04-10"),
        contract("renews_late", "1000", "2026-04-20", item_id="late2", **NEXT),
    ),
    "goes_on_silently": (contract("goes_on_silently", "1000"),),
    "leaves": (contract("leaves", "1000", end="2026-04-10", cancel_requested_at="2026-02-01"),),
    # in service at the end of March, gone before its term was over
    "leaves_days_before": (contract("leaves_days_before", "1000", end="2026-04-05"),),
    "left_long_before": (contract("left_long_before", "1000", end="2025-09-01"),),
    # the old term was replaced in February: due at the end of the new one
    "renews_early": (
        contract("renews_early", "1000", end="2026-02-10"),
        contract("renews_early", "1100", "2026-02-10", version_no=2, term_start="2026-02-10", term_end="2027-02-10"),
    ),
    # what was not due does not renew what was, whether it grows or is replaced
    "other_item_grows": (
        contract("other_item_grows", "1000", end="2026-04-10"),
        contract("other_item_grows", "500", end="2026-04-12", item_id="grows", **NO_TERM),
        contract("other_item_grows", "900", "2026-04-12", item_id="grows", version_no=2, **NO_TERM),
    ),
    "other_item_is_replaced": (
        contract("other_item_is_replaced", "1000", end="2026-04-10"),
        contract("other_item_is_replaced", "500", item_id="old", **NO_TERM),
        contract("other_item_is_replaced", "900", "2026-04-12", item_id="new", replaces_item_id="old", **NO_TERM),
    ),
    # another line renews nothing of this one
    "changes_line": (
        contract("changes_line", "1000", end="2026-04-10"),
        contract("changes_line", "1000", "2026-04-10", item_id="line2", product_id="extra", **NEXT),
    ),
    "without_term": (contract("without_term", "1000", **NO_TERM),),
    # half off, as everything else is stated after discounts; 400 of 500
    "discounted": (
        contract("discounted", "1000", end="2026-04-10"),
        contract("discounted", "800", "2026-04-10", version_no=2, **NEXT),
    ),
    # 1000 pounds are 2000 dollars in March, 3000 in April
    "pounds": (
        contract("pounds", "1000", end="2026-04-10", currency="GBP"),
        contract("pounds", "1000", "2026-04-10", version_no=2, currency="GBP", **NEXT),
    ),
    "ends_on_the_first": (contract("ends_on_the_first", "1000", end="2026-05-01", term_end="2026-05-01"),),
    "due_next_week": (contract("due_next_week", "1000", term_end="2026-08-20", cancel_requested_at="2026-08-01"),),
    "was_due_last_week": (contract("was_due_last_week", "1000", term_end="2026-08-10", end="2026-08-10"),),
}  # fmt: skip

TABLES: dict[str, list[Row]] = {
    "finance_state": [state("full", "2026-08-15", has_gl=False)],
    "lens_dimensions": [{"position": 1, "dimension": "size"}],
    "accounts": [{"account_id": account} for account in CASES],
    "account_segments": [
        {"account_id": account, "dimension": "size", "value": account, "valid_from": "2020-01-01"} for account in CASES
    ],
    "subscription_items": [row for rows in CASES.values() for row in rows],
    "products": list(PRODUCTS),
    "discounts": [
        {"discount_id": "half", "item_id": "discounted", "kind": "percent", "value": "50", "duration": "forever",
         "starts_on": "2020-01-01"}
    ],
    "fx_rates": [
        {"rate_date": day, "from_currency": "GBP", "to_currency": "USD", "rate": rate, "rate_type": "month_end"}
        for day, rate in (
            *((f"2025-{m:02}-{d}", "2") for m, d in ((4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31),
                                                    (11, 30), (12, 31))),
            ("2026-01-31", "2"), ("2026-02-28", "2"), ("2026-03-31", "2"), ("2026-04-30", "3"), ("2026-05-31", "3"),
            ("2026-06-30", "3"), ("2026-07-31", "3"), ("2026-08-14", "4"),
        )
    ],
}  # fmt: skip

# (quarter_start, arr_due, arr_due_to_date, arr_renewed, arr_expanded, renewal_rate, arr_due_at_notice, accounts_due)
OVER, NOW = "2026-02-01", "2026-08-01"
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "renews_higher": [(OVER, 1000, 1000, 1000, 200, 1.0, 0, 1), ("2027-02-01", 1200, 0, None, None, None, 0, 1)],
    "renews_lower": [(OVER, 1000, 1000, 700, 0, 0.7, 0, 1), ("2027-02-01", 700, 0, None, None, None, 0, 1)],
    "renews_late": [(OVER, 1000, 1000, 1000, 0, 1.0, 0, 1), ("2027-02-01", 1000, 0, None, None, None, 0, 1)],
    "goes_on_silently": [(OVER, 1000, 1000, 1000, 0, 1.0, 0, 1)],
    "leaves": [(OVER, 1000, 1000, 0, 0, 0.0, 1000, 1)],
    "leaves_days_before": [(OVER, 1000, 1000, 0, 0, 0.0, 0, 1)],
    "left_long_before": [],
    "renews_early": [("2027-02-01", 1100, 0, None, None, None, 0, 1)],
    "other_item_grows": [(OVER, 1000, 1000, 0, 0, 0.0, 0, 1)],
    "other_item_is_replaced": [(OVER, 1000, 1000, 0, 0, 0.0, 0, 1)],
    "changes_line": [(OVER, 1000, 1000, 0, 0, 0.0, 0, 1), ("2027-02-01", 1000, 0, None, None, None, 0, 1)],
    "without_term": [],
    "discounted": [(OVER, 500, 500, 400, 0, 0.8, 0, 1), ("2027-02-01", 400, 0, None, None, None, 0, 1)],
    "pounds": [(OVER, 3000, 3000, 3000, 0, 1.0, 0, 1), ("2027-02-01", 4000, 0, None, None, None, 0, 1)],
    "ends_on_the_first": [("2026-05-01", 1000, 1000, 0, 0, 0.0, 0, 1)],
    "due_next_week": [(NOW, 1000, 0, None, None, None, 1000, 1)],
    "was_due_last_week": [(NOW, 1000, 1000, 0, 0, None, 0, 1)],
}


@pytest.fixture(scope="module")
def renewals(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return world(tmp_path_factory, "renewals", TABLES, fiscal_year_starts_in=2)


@pytest.mark.parametrize("account", CASES)
def test_what_is_due_and_what_continues(renewals: Query, account: str) -> None:
    rows = renewals(
        "SELECT quarter_start::VARCHAR, arr_due, arr_due_to_date, arr_renewed, arr_expanded, renewal_rate, "
        "arr_due_at_notice, accounts_due FROM marts.arr_renewals WHERE segment = ? ORDER BY ALL",
        account,
    )
    assert rows == EXPECTED[account]


def test_a_published_renewal_rate_beside_retention(tmp_path_factory: pytest.TempPathFactory) -> None:
    """creativeg.gr/glossary/retention-rate-vs-renewal-rate: of 1,000,000 a quarter's 250,000 are exposed and 200,000
    renew: 80 % renewed, 95 % retained."""
    rows = [
        contract("renews", "200000"),
        contract("leaves", "50000", end="2026-04-10"),
        contract("not_exposed", "750000", term_end="2026-11-01"),
    ]
    accounts: list[Row] = [{"account_id": str(row["account_id"])} for row in rows]
    query = world(tmp_path_factory, "published_renewal", {
        **TABLES, "accounts": accounts, "subscription_items": rows, "discounts": [], "account_segments": [],
    })  # fmt: skip
    assert query("SELECT arr_due, renewal_rate FROM marts.arr_renewals WHERE quarter_start = DATE '2026-04-01'") == [
        (250_000, 0.8)
    ]
    assert query(
        "SELECT grr FROM marts.revenue_retention WHERE month_start = DATE '2026-06-01' AND window_months = 3 "
        "AND is_total AND scope = 'all'"
    ) == [(0.95,)]


@COMPANIES
def test_renewals_stay_within_what_is_due_and_within_the_book(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    query = company(tmp_path_factory, name)
    assert query(
        "SELECT * FROM marts.arr_renewals WHERE arr_due <= 0 OR arr_renewed > arr_due_to_date "
        "OR arr_due_to_date > arr_due OR arr_expanded < 0 OR arr_due_at_notice > arr_due OR accounts_due < 1"
    ) == []  # fmt: skip
    ways = query(
        "SELECT quarter_start, count(DISTINCT sums) FROM (SELECT quarter_start, dimension, (sum(arr_due), "
        "sum(arr_renewed), sum(arr_expanded)) AS sums FROM marts.arr_renewals GROUP BY ALL) GROUP BY 1"
    )
    assert {count for _, count in ways} <= {1}
    # minimum mode knows no terms
    assert bool(ways) == (name != "journey")


@COMPANIES
def test_every_cohort_cell_is_what_a_plain_count_says(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    book = Book(query)
    complete = [month for (month,) in query(
        "SELECT month_start FROM intermediate.int_calendar__money_months WHERE is_complete ORDER BY 1"
    )]  # fmt: skip
    firsts: dict[str, date] = {}
    for month in complete:
        for account in by_account(book.lines(month, month)):
            firsts.setdefault(account, month)
    expected: dict[tuple[date, date], tuple[Any, ...]] = {}
    for month in complete:
        now = by_account(book.lines(month, month))
        for first in sorted({value for value in firsts.values() if value <= month}):
            then = {a: arr for a, arr in by_account(book.lines(first, month)).items() if firsts[a] == first}
            families: dict[str, list[Decimal]] = {}
            for account, arr in then.items():
                family = families.setdefault(book.roots[account], [Decimal(0), Decimal(0)])
                family[0] += arr
                family[1] += now.get(account, Decimal(0))
            left = [account for account in then if account in now]
            figures = (sum(then.values()), sum(now[a] for a in left), sum(min(f) for f in families.values()))
            if then:
                expected[first, month] = (len(then), len(left), *figures)
    found = query(
        "SELECT cohort_month_start, month_start, cohort_accounts, accounts, cohort_arr, arr, capped_arr, months_since "
        "FROM marts.arr_cohorts"
    )
    assert {row[:2]: row[2:7] for row in found} == expected
    assert all(row[7] == (row[1].year - row[0].year) * 12 + row[1].month - row[0].month for row in found)


@COMPANIES
def test_cohorts_add_up_to_the_company(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    months = query(
        "SELECT month_start, sum(c.arr) AS arr, sum(c.accounts) AS accounts FROM marts.arr_cohorts AS c GROUP BY 1 "
        "EXCEPT SELECT month_start, sum(arr), count(DISTINCT account_id) FILTER (WHERE arr > 0) "
        "FROM marts.fct_arr_month GROUP BY 1"
    )
    assert months == []
    assert query("SELECT count(*) > 2 FROM marts.arr_cohorts") == [(True,)]
    assert query(
        "SELECT * FROM marts.arr_cohorts WHERE months_since = 0 AND (arr, accounts) <> (cohort_arr, cohort_accounts)"
    ) == []  # fmt: skip
