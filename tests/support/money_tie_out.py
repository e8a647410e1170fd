"""Contracts and what was invoiced for them, one account a cause, with what the tie-out must say of each month.

History January to June 2025, complete; amounts are contract minus invoices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from support.money_examples import PRODUCTS, off
from support.money_world import item
from support.raw_money import Row, state

AS_OF = "2025-06-30"
MONTHS = tuple(date(2025, month, 1) for month in range(1, 8))


@dataclass(frozen=True)
class Bill:
    """An account's contracts and invoice lines, and the rows that tie_out_detail lists: (month, cause) → amount."""

    account: str
    items: tuple[Row, ...]
    lines: tuple[Row, ...]
    listed: Mapping[tuple[int, str], str] = field(default_factory=dict)
    discounts: tuple[Row, ...] = ()
    parent: str | None = None


def line(begin: str | date | None, end: str | date | None, amount: str, **more: Any) -> dict[str, Any]:
    """A paid recurring charge over [begin, end)."""
    return {"service_start": begin, "service_end": end, "amount": amount, "currency": "USD", "line_type": "charge",
            "invoice_status": "paid", "is_recurring": True, "is_proration": False, "invoice_date": begin,
            **more}  # fmt: skip


def monthly(
    amount: str = "100", first: int = 1, last: int = 6, without: tuple[int, ...] = (), **more: Any
) -> list[Row]:
    """One whole charge a calendar month."""
    numbers = [n for n in range(first, last + 1) if n not in without]
    return [line(MONTHS[n - 1], MONTHS[n], amount, **more) for n in numbers]


def each(cause: str, amount: str, first: int, last: int) -> dict[tuple[int, str], str]:
    """The same amount from one month to another."""
    return {(month, cause): amount for month in range(first, last + 1)}


def bill(account: str, items: Any, lines: Any, listed: Any = None, **more: Any) -> Bill:
    """An example; ``items`` may be the monthly price of one open item since January."""
    if isinstance(items, str):
        items = (item(account, "2025-01-01", items),)
    return Bill(account, tuple(items), tuple(lines), listed or {}, **more)


def yearly(account: str, amount: str, end: str | None = None, **terms: Any) -> dict[str, Any]:
    return item(account, "2025-01-01", amount, end, interval="year", **terms)


YEAR = line("2025-01-01", "2026-01-01", "1200")
HALF_OFF = off(1, "percent", "50", "repeating", end="2025-04-01", item_id="discount_ran_out")
CHILD = item("child", "2025-01-01", "100")

# fmt: off
AGREE = (
    bill("monthly", "100", monthly()),
    bill("yearly", (yearly("yearly", "1200"),), [YEAR]),
    bill("on_the_tenth", (item("on_the_tenth", "2025-01-10", "100"),),
         [line(f"2025-0{n}-10", f"2025-0{n + 1}-10", "100") for n in range(1, 7)]),
    bill("prorated_start", (item("prorated_start", "2025-03-10", "100"),),
         [line("2025-03-10", "2025-04-01", "70.97", is_proration=True), *monthly(first=4)]),
    # 1200 a year more for 275 of 365 days
    bill("upgraded", (yearly("upgraded", "1200", "2025-04-01"),
         item("upgraded", "2025-04-01", "2400", version_no=2, interval="year")),
         [YEAR, line("2025-04-01", "2026-01-01", "904.11", is_proration=True)]),
    # the old plan's rest credited, the new plan charged
    bill("swapped", (yearly("swapped", "1200", "2025-04-01"),
         item("swapped", "2025-04-01", "2400", version_no=2, interval="year")),
         [YEAR, line("2025-04-01", "2026-01-01", "-904.11", line_type="credit", is_recurring=None),
          line("2025-04-01", "2026-01-01", "1808.22", is_proration=True)]),
    bill("two_lines", "100", [*monthly("60"), *monthly("40")]),
    bill("corrected", "100", [*monthly("130"), *monthly("-30", line_type="credit", is_recurring=None)]),
    bill("other_lines", "100", [*monthly(), *monthly("50", invoice_status="Draft"),
         *monthly("50", invoice_status="void"),
         *monthly("19", line_type="tax"), *monthly("7", line_type="usage"), *monthly("9", is_recurring=False)]),
    bill("without_dates", (yearly("without_dates", "1200"),), [line(None, None, "1200", invoice_date="2025-01-01")]),
    bill("parent", (), ()),
    bill("child", (CHILD,), monthly(item_id=None, account_id="parent"), parent="parent"),
    bill("named_at_parent", (item("named_at_parent", "2025-01-01", "100"),), monthly(account_id="parent")),
    bill("without_item", "100", monthly(item_id=None)),
    bill("from_the_old_system", "100", monthly(item_id="unheard of")),
)
DIFFER = (
    bill("unbilled", "100", monthly(without=(3,)), each("contract_without_bill", "100", 3, 3)),
    bill("billed_after_the_end", (item("billed_after_the_end", "2025-01-01", "100", "2025-03-01"),),
         monthly(without=(3,)), each("billed_without_contract", "-100", 4, 6)),
    bill("cheap", "100", [*monthly(without=(4,)), *monthly("90", 4, 4)], each("price_mismatch", "10", 4, 4)),
    bill("cheap_year", (yearly("cheap_year", "1200"),), [line("2025-01-01", "2026-01-01", "1080")],
         each("price_mismatch", "10", 1, 6)),
    bill("cheap_at_parent", "100", monthly("90", account_id="parent"), each("price_mismatch", "10", 1, 6)),
    bill("billed_twice", "100", [*monthly(), *monthly(first=2, last=2)], each("price_mismatch", "-100", 2, 2)),
    bill("rise_never_billed", (yearly("rise_never_billed", "1200", "2025-04-01"),
         item("rise_never_billed", "2025-04-01", "2400", version_no=2, interval="year")), [YEAR],
         each("price_mismatch", "100", 4, 6)),
    bill("part_month", (item("part_month", "2025-01-01", "100", "2025-04-16"),
         item("part_month", "2025-04-16", "200", version_no=2)),
         [*monthly(last=4), *monthly("200", 5)], each("part_month", "50", 4, 4)),
    bill("ended_within", (item("ended_within", "2025-01-01", "100", "2025-04-16"),), monthly(last=4),
         each("part_month", "-50", 4, 4)),
    bill("prepaid_leaver", (yearly("prepaid_leaver", "1200", "2025-04-01"),), [YEAR],
         each("billed_ahead", "-100", 4, 6)),
    bill("discount_ran_out", (yearly("discount_ran_out", "1200"),), [line("2025-01-01", "2026-01-01", "600")],
         each("discount", "50", 4, 6), discounts=(HALF_OFF,)),
    bill("credited", "100", [*monthly(), *monthly("-25", 2, 2, line_type="credit", is_recurring=False)],
         each("credit", "25", 2, 2)),
    bill("credited_too_little", "100", [*monthly("90"), *monthly("-4", 2, 2, line_type="credit", is_recurring=None)],
         each("price_mismatch", "10", 1, 6) | each("credit", "4", 2, 2)),
    bill("refunded", "100", [*monthly(), *monthly("-100", 2, 2, line_type="refund", is_recurring=False)],
         each("refund", "100", 2, 2)),
    bill("names_nothing", "100", monthly(item_id=None, product_id=None, first=6),
         each("contract_without_bill", "100", 1, 6) | each("billed_without_contract", "-100", 6, 6)),
    bill("half_covered", "100", [*monthly(last=5), line("2025-06-01", "2025-06-16", "50", is_proration=True)],
         each("contract_without_bill", "50", 6, 6)),
    bill("bundled", (item("bundled", "2025-01-01", "100", product_id="bundle"),), monthly(without=(2,)),
         each("contract_without_bill", "100", 2, 2)),
    bill("unlisted", (item("unlisted", "2025-01-01", "100", product_id="nobody_listed_me"),), monthly(without=(2,)),
         each("contract_without_bill", "100", 2, 2)),
    # 100 EUR are 110 USD at month ends; a bill in dollars may have been priced at any rate of the year before
    bill("euro", (item("euro", "2025-01-01", "100", currency="EUR"),), monthly(currency="EUR")),
    bill("euro_in_dollars", (item("euro_in_dollars", "2025-01-01", "100", currency="EUR"),), monthly("115"),
         each("fx", "-5", 1, 6)),
    bill("euro_misread", (item("euro_misread", "2025-01-01", "100", currency="EUR"),), monthly("100"),
         each("price_mismatch", "10", 1, 6)),
)
# fmt: on


def rate(month: date, value: str, rate_type: str, currency: str = "EUR") -> dict[str, Any]:
    """A rate of a month, dated its last day."""
    last = date(month.year, month.month + 1, 1).toordinal() - 1
    return {"rate_date": date.fromordinal(last), "from_currency": currency, "to_currency": "USD", "rate": value,
            "rate_type": rate_type}  # fmt: skip


RATES = [
    rate(month, value, kind) for month in MONTHS[:6] for value, kind in (("1.10", "month_end"), ("1.20", "average"))
]
BUNDLE = [
    {"bundle_product_id": "bundle", "product_line": name, "share": share, "valid_from": "2020-01-01"}
    for name, share in (("Core", "0.7"), ("Extra", "0.3"))
]


def tables(bills: tuple[Bill, ...], **more: list[Row]) -> dict[str, list[Row]]:
    """The raw tables of these examples; a line without account, item or product has those of its example."""
    lines = [
        {"invoice_id": f"inv-{one.account}", "line_id": str(n), "account_id": one.account,
         "item_id": one.items[0]["item_id"] if one.items else None,
         "product_id": one.items[0]["product_id"] if one.items else None, **row}
        for one in bills
        for n, row in enumerate(one.lines)
    ]  # fmt: skip
    return {
        "finance_state": [state("full", AS_OF, has_invoices=True, has_gl=False)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": one.account, "parent_account_id": one.parent} for one in bills],
        "subscription_items": [row for one in bills for row in one.items],
        "discounts": [row for one in bills for row in one.discounts],
        "products": list(PRODUCTS),
        "bundle_allocation": BUNDLE,
        "fx_rates": RATES,
        "invoice_lines": lines,
        **more,
    }
