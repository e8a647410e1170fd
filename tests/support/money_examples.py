"""Worked examples of the money rulings: contracts and what each must be worth at month end, one account an example.

History January to July 2025, as of 15 July: six complete months and one that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from support.money_world import item
from support.raw_money import Row, state

MONTHS = tuple(f"2025-{number:02}" for number in range(1, 8))
AS_OF = "2025-07-15"


def flat(amount: str, first: int = 1, last: int = 7) -> dict[str, Decimal]:
    """The same amount from one month to another."""
    return {month: Decimal(amount) for month in MONTHS[first - 1 : last]}


@dataclass(frozen=True)
class Example:
    """An account (named by what it shows), its item rows and its ARR by month; absent months are zero."""

    account: str
    items: tuple[Row, ...]
    arr: Mapping[str, Decimal]
    discounts: tuple[Row, ...] = ()


def example(account: str, arr: Mapping[str, Decimal], *items: Row, discounts: tuple[Row, ...] = ()) -> Example:
    return Example(account, items, arr, discounts)


def one(account: str, arr: Mapping[str, Decimal], amount: str, begin: str = "2025-01-01", end: str | None = None,
        *, discounts: tuple[Row, ...] = (), **terms: Any) -> Example:  # fmt: skip
    """An example of a single item row."""
    return Example(account, (item(account, begin, amount, end, **terms),), arr, discounts)


def off(number: int, kind: str, value: str, duration: str = "forever", begin: str = "2025-01-01",
        end: str | None = None, **target: Any) -> dict[str, Any]:  # fmt: skip
    """A discount; ``target`` names item_id or subscription_id."""
    return {"discount_id": f"d{number}", "kind": kind, "value": value, "duration": duration, "starts_on": begin,
            "ends_on": end, **target}  # fmt: skip


INTERVALS = (
    one("annual", flat("1200"), "1200", interval="year"),
    one("two_years", flat("600"), "1200", interval="year", interval_count=2),
    one("quarterly", flat("1200"), "300", interval_count=3),
    one("seats", flat("1200"), "20", quantity="5"),
    one("weekly", flat("520"), "10", interval="week"),
    one("daily", flat("365"), "1", interval="day"),
    one("third_of_a_year", flat("33.33"), "100", interval="year", interval_count=3),
    one("half_cent_up", flat("1.01"), "0.335", quantity="3", interval="year"),
    example(
        "thirds_make_a_half_cent",
        flat("0.01"),
        *(
            item(
                "thirds_make_a_half_cent", "2025-01-01", "0.005", item_id=f"third{n}", interval="year", interval_count=3
            )
            for n in range(3)
        ),
    ),
    one("term_of_14_months", flat("857.14"), "1000", interval="term", term_start="2025-01-01", term_end="2026-03-01"),
    # six months and 15 of 31 days: 12 × 1000 / (6 + 15/31)
    one("term_of_odd_days", flat("1850.75"), "1000", interval="term", term_start="2025-01-01", term_end="2025-07-16"),
    one("committed", flat("6000"), "999", quantity="7", pricing_model="committed_usage", committed_amount="500"),
    one("metered", {}, "10", pricing_model="metered"),
)

ENDS = (
    one("ends_on_the_31st", flat("1200", 1, 2), "100", end="2025-03-31"),
    one("ends_on_the_1st", flat("1200", 1, 3), "100", end="2025-04-01"),
    one("starts_on_the_31st", flat("1200", 3), "100", "2025-03-31"),
    one("vanished", flat("1200", 1, 3), "100", vanished_on="2025-04-10"),
    one("starts_after_as_of", {}, "100", "2025-07-16"),
    one("starts_on_as_of", flat("1200", 7), "100", "2025-07-15"),
    example(
        "replaced",
        {**flat("1200", 1, 2), **flat("1800", 3)},
        item("replaced", "2025-01-01", "100"),
        item("replaced", "2025-03-10", "150", item_id="replacement", replaces_item_id="replaced"),
    ),
    example(
        "two_at_once",
        {**flat("1200", 1, 1), **flat("1800", 2)},
        item("two_at_once", "2025-01-01", "100"),
        item("two_at_once", "2025-02-01", "50", item_id="second"),
    ),
    example(
        "price_rise",
        {**flat("1200", 1, 3), **flat("1320", 4)},
        item("price_rise", "2025-01-01", "100", "2025-04-05"),
        item("price_rise", "2025-04-05", "110", version_no=2),
    ),
    # a service end that outlives its own terms must not double the terms that follow
    example(
        "service_end_of_the_whole_item",
        {**flat("1200", 1, 2), **flat("2400", 3)},
        item("service_end_of_the_whole_item", "2025-01-01", "100", "2025-03-01", service_end_date="2026-01-01"),
        item("service_end_of_the_whole_item", "2025-03-01", "200", version_no=2, service_end_date="2026-01-01"),
    ),
)

STATUSES = (
    example(
        "trial",
        flat("1200", 2),
        item("trial", "2025-01-10", "100", "2025-02-10", status="trialing"),
        item("trial", "2025-02-10", "100", version_no=2),
    ),
    *(one(status, {}, "100", status=status) for status in ("unpaid", "paused", "canceled", "future")),
    one("one_off", {}, "100", product_id="onboarding"),
    one("free", {}, "0"),
    one("unlisted_product", flat("1200"), "100", product_id="nobody_listed_me"),
    one("internal", {}, "100"),
)

_BOTH = {"subscription_id": "sub-shared_amount"}
# fmt: off
DISCOUNTS = (
    # 100 × 0.9 × 0.8 − 5, the one-time discount ignored
    one("compound", flat("804"), "100", discounts=(
        off(1, "percent", "10", item_id="compound"), off(2, "percent", "20", subscription_id="sub-compound"),
        off(3, "amount", "5", item_id="compound", currency="USD"), off(4, "percent", "50", "once", item_id="compound"),
    )),
    one("repeating", {**flat("600", 1, 2), **flat("1200", 3)}, "100",
        discounts=(off(5, "percent", "50", "repeating", end="2025-03-01", item_id="repeating"),)),
    one("never_below_zero", {}, "100", discounts=(off(6, "amount", "200", item_id="never_below_zero"),)),
    one("all_off", {}, "100", discounts=(off(7, "percent", "100", item_id="all_off"),)),
    # 30 a month shared 1:2, so 10 and 20 off
    example(
        "shared_amount", flat("3240"),
        item("shared_amount", "2025-01-01", "100", **_BOTH),
        item("shared_amount", "2025-01-01", "200", item_id="shared_other", product_id="extra", **_BOTH),
        discounts=(off(8, "amount", "30", **_BOTH),),
    ),
    # an amount is spread over the interval: 120 a year off 1200 a year
    one("yearly_amount", flat("1080"), "1200", interval="year",
        discounts=(off(9, "amount", "120", item_id="yearly_amount"),)),
    one("other_currency", flat("1200"), "100",
        discounts=(off(10, "amount", "5", item_id="other_currency", currency="EUR"),)),
)
# fmt: on

EXAMPLES = INTERVALS + ENDS + STATUSES + DISCOUNTS

PRODUCTS: tuple[Row, ...] = (
    {"product_id": "core", "product_name": "Core", "product_line": "Core", "is_recurring": True},
    {"product_id": "extra", "product_name": "Extra", "product_line": "Extra", "is_recurring": True},
    {"product_id": "onboarding", "product_name": "Onboarding", "product_line": "Core", "is_recurring": False},
    {"product_id": "bundle", "product_name": "Bundle", "product_line": "Core", "is_recurring": True},
    {"product_id": "moving", "product_name": "Moving", "product_line": "Core", "valid_from": "2024-01-01"},
    {"product_id": "moving", "product_name": "Moving", "product_line": "Extra", "valid_from": "2025-03-15"},
)


def tables(examples: tuple[Example, ...], more: Mapping[str, list[Row]] | None = None) -> dict[str, list[Row]]:
    """The raw tables that hold these examples, and whatever else a test adds to them."""
    rows: dict[str, list[Row]] = {
        "finance_state": [state("full", AS_OF, has_gl=False)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}, {"position": 2, "dimension": "industry"}],
        "accounts": [{"account_id": e.account, "is_internal_test": e.account == "internal"} for e in examples],
        "subscription_items": [row for e in examples for row in e.items],
        "discounts": [row for e in examples for row in e.discounts],
        "products": list(PRODUCTS),
    }
    for table, added in (more or {}).items():
        rows[table] = [*rows.get(table, []), *added]
    return rows
