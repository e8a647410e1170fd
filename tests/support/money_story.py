"""Accounts whose months tell a story: movements, segments, currencies, notices; the calendar of the examples."""

from __future__ import annotations

from typing import Any

from support.money_examples import AS_OF, EXAMPLES, tables
from support.money_world import item
from support.raw_money import Row

EUR_RATES = {"2025-01-31": "1.00", "2025-02-28": "1.10", "2025-03-31": "1.10", "2025-04-30": "1.20",
             "2025-05-31": "1.20", "2025-06-30": "0.90", "2025-07-10": "1.30", "2025-07-20": "9.99"}  # fmt: skip


def _rate(day: str, currency: str, rate: str, rate_type: str = "month_end") -> dict[str, Any]:
    return {"rate_date": day, "from_currency": currency, "to_currency": "USD", "rate": rate, "rate_type": rate_type}


RATES: list[Row] = [
    *(_rate(day, "EUR", rate) for day, rate in EUR_RATES.items()),
    _rate("2024-01-01", "EUR", "1.50", "plan"),
    _rate("2025-02-01", "EUR", "1.05", "plan"),
    _rate("2026-01-01", "EUR", "7.00", "plan"),
    # no rate on the last day of February: a rate some days before does not do
    *(_rate(day, "GBP", "2.00") for day in ("2025-01-31", "2025-02-27", "2025-03-31", "2025-04-30", "2025-05-31",
                                            "2025-06-30", "2025-07-15")),
]  # fmt: skip

ITEMS: list[Row] = [
    item("bundled", "2025-01-01", "100", product_id="bundle"),
    item("bundled_thirds", "2025-01-01", "100", product_id="thirds", interval="year"),
    item("moved_line", "2025-01-01", "100", product_id="moving"),
    item("euro", "2025-01-01", "33.3333", currency="EUR"),
    item("euro_grows", "2025-01-01", "100", "2025-04-10", currency="EUR"),
    item("euro_grows", "2025-04-10", "150", version_no=2, currency="EUR"),
    item("pound", "2025-01-01", "100", currency="GBP"),
    item("notice", "2025-01-01", "100", "2025-05-01", cancel_requested_at="2025-02-10", end_reason="voluntary"),
    item("signed", "2025-01-01", "100", cancel_requested_at="2025-02-15"),
    item("signed", "2025-04-01", "250", item_id="signed_next", signed_date="2025-02-20", replaces_item_id="signed"),
    item("ramp", "2025-01-01", "100", "2025-05-01", signed_date="2025-01-01"),
    item("ramp", "2025-05-01", "200", version_no=2, signed_date="2025-01-01"),
    item("announced", "2025-03-05", "100", "2025-05-05", status="future", signed_date="2025-02-01"),
    item("announced", "2025-05-05", "100", version_no=2, signed_date="2025-02-01"),
    item("late_payer", "2025-01-01", "100", "2025-02-10"),
    item("late_payer", "2025-02-10", "100", version_no=2, status="past_due"),
    item("user", "2025-01-01", "10", item_id="meter", product_id="extra", pricing_model="metered"),
    item("pauser", "2025-01-01", "100", "2025-03-10"),
    item("pauser", "2025-03-10", "100", "2025-06-10", version_no=2, status="paused"),
    item("pauser", "2025-06-10", "120", version_no=3),
    item("leaver", "2025-01-01", "100", "2025-03-10"),
    item("leaver", "2025-03-10", "100", version_no=2, status="canceled", end_reason="involuntary"),
    item("leaver_two_reasons", "2025-01-01", "100", "2025-03-10", end_reason="involuntary"),
    item("leaver_two_reasons", "2025-01-01", "900", "2025-03-20", item_id="leaver_big", end_reason="voluntary"),
    item("asked_to_leave", "2025-01-01", "100", "2025-03-10", cancel_requested_at="2025-02-01"),
    item("unpaid_leaver", "2025-01-01", "100", "2025-03-10"),
    item("unpaid_leaver", "2025-03-10", "100", version_no=2, status="unpaid"),
    item("went_free", "2025-01-01", "100", "2025-03-10"),
    item("went_free", "2025-03-10", "0", version_no=2),
    item("grower", "2025-01-01", "100", "2025-03-20"),
    item("grower", "2025-03-20", "160", version_no=2),
    item("shrinker", "2025-01-01", "100", "2025-03-20"),
    item("shrinker", "2025-03-20", "40", version_no=2),
    item("churned_and_moved", "2025-01-01", "100", "2025-03-20"),
    item("flash", "2025-02-05", "100", "2025-02-20"),
    item("flash_of_nothing", "2025-02-05", "100", "2025-02-20", item_id="flash_free"),
    item("flash_discount_gap", "2025-01-01", "100"),
    item("not_a_flash", "2025-02-05", "100", "2025-03-20"),
]  # fmt: skip


def _everything(target: str, number: int, begin: str, end: str | None = None) -> dict[str, Any]:
    return {"discount_id": f"free{number}", "item_id": target, "kind": "percent", "value": "100",
            "duration": "repeating", "starts_on": begin, "ends_on": end}  # fmt: skip


DISCOUNTS: list[Row] = [
    _everything("flash_free", 1, "2025-01-01"),
    # free but for three days in April
    _everything("flash_discount_gap", 2, "2025-01-01", "2025-04-10"),
    _everything("flash_discount_gap", 3, "2025-04-13"),
]

SEGMENTS: list[Row] = [
    {"account_id": account, "dimension": "size", "value": value, "valid_from": begin, "valid_to": end}
    for account, value, begin, end in (
        ("grower", "smb", "2020-01-01", "2025-03-15"),
        ("grower", "mid", "2025-03-15", None),
        ("churned_and_moved", "smb", "2020-01-01", "2025-03-15"),
        ("churned_and_moved", "mid", "2025-03-15", None),
        ("shrinker", "smb", "2020-01-01", "2025-06-01"),
        ("flash", "smb", "2020-01-01", None),
    )
]

USAGE: list[Row] = [
    {"invoice_id": f"inv{n}", "line_id": "1", "account_id": "user", "item_id": "meter", "invoice_date": day,
     "service_start": start, "amount": amount, "currency": "USD", "line_type": line_type, "invoice_status": status}
    for n, (day, start, amount, line_type, status) in enumerate(
        (
            ("2025-02-01", "2025-01-10", "10", "usage", "paid"),
            ("2025-02-20", None, "20", "usage", "open"),
            ("2025-03-30", None, "30", "usage", "paid"),
            ("2025-03-30", None, "1000", "usage", "void"),
            ("2025-03-30", None, "1000", "charge", "paid"),
        )
    )
]  # fmt: skip

BUNDLES: list[Row] = [
    {"bundle_product_id": "bundle", "product_line": line, "share": share, "valid_from": "2025-02-01"}
    for line, share in (("Core", "0.5"), ("Extra", "0.3"), ("Add-ons", "0.2"))
] + [
    {"bundle_product_id": "thirds", "product_line": line, "share": "0.33333333", "valid_from": "2020-01-01"}
    for line in ("Core", "Extra", "Add-ons")
]

CONTROL_TOTALS: list[Row] = [
    {"month": "2025-03-01", "metric": "paying_accounts", "value": "1", "product_line": "Core", "segment": "mid"},
    {"month": "2025-03-01", "metric": "arr", "value": "1920", "product_line": None, "segment": "mid"},
    {"month": "2025-03-01", "metric": "mrr", "value": "160.02", "product_line": None, "segment": "mid"},
    {"month": "2025-03-01", "metric": "arr", "value": "1", "product_line": None, "segment": "misspelled"},
    {"month": "2025-03-01", "metric": "recurring_revenue", "value": "1", "product_line": None, "segment": None},
    {"month": "2025-07-01", "metric": "arr", "value": "1", "product_line": None, "segment": None},
]

STORY = tables(
    EXAMPLES,
    {
        "accounts": [{"account_id": account} for account in dict.fromkeys(str(row["account_id"]) for row in ITEMS)],
        "subscription_items": ITEMS,
        "discounts": DISCOUNTS,
        "account_segments": SEGMENTS,
        "fx_rates": RATES,
        "invoice_lines": USAGE,
        "bundle_allocation": BUNDLES,
        "control_totals": CONTROL_TOTALS,
        "products": [{"product_id": "thirds", "product_name": "Thirds", "product_line": "Core", "is_recurring": True}],
    },
)

__all__ = ["AS_OF", "STORY"]
