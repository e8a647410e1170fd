"""ARR recomputed from nothing but the finance CSVs: a second, plainly written opinion on the control totals."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from pipelines.sandbox.build import SandboxPaths
from support.sandbox import rows

_INTERVALS_A_YEAR = {"month": 12, "year": 1, "week": 52, "day": 365}
Row = dict[str, str]


def arr_by_line(paths: SandboxPaths, month: date) -> dict[str, Decimal]:
    """ARR at the end of a month by product line, in the reporting currency, from the CSVs alone."""
    close = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    products = {row["product_id"]: row for row in rows(paths, "products")}
    hidden = {row["account_id"] for row in rows(paths, "accounts") if row["is_internal_test"] == "true"}
    rate = next(
        Fraction(row["rate"])
        for row in rows(paths, "fx_rates")
        if row["rate_type"] == "month_end" and row["rate_date"] == close.isoformat()
    )
    items = rows(paths, "subscription_items")
    replaced: dict[str, str] = {}
    for row in items:
        if row["replaces_item_id"]:
            old = row["replaces_item_id"]
            replaced[old] = min(replaced.get(old, "9999"), row["effective_from"])
    cells: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for row in items:
        ends = (row["service_end_date"] or row["effective_to"] or "9999", replaced.get(row["item_id"], "9999"))
        is_live = row["effective_from"] <= close.isoformat() < min(ends)
        counts = row["status"] in ("active", "past_due") and row["pricing_model"] != "metered"
        recurs = products[row["product_id"]]["is_recurring"] == "true" and row["account_id"] not in hidden
        if is_live and counts and recurs:
            for line, share in _lines(paths, row["product_id"], products):
                cells[row["account_id"], line, row["currency"]] += _annual(paths, row, close) * share
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for (_, line, currency), amount in cells.items():
        exact = amount * (rate if currency == "EUR" else 1)
        totals[line] += (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {line: total for line, total in totals.items() if total}


def _lines(paths: SandboxPaths, product: str, products: dict[str, Row]) -> list[tuple[str, Fraction]]:
    bundle = [
        (row["product_line"], Fraction(row["share"]))
        for row in rows(paths, "bundle_allocation")
        if row["bundle_product_id"] == product
    ]
    return bundle or [(products[product]["product_line"], Fraction(1))]


def _annual(paths: SandboxPaths, row: Row, close: date) -> Fraction:
    if row["interval"] == "term":
        begin, end = date.fromisoformat(row["term_start"]), date.fromisoformat(row["term_end"])
        periods = Fraction(12, (end.year - begin.year) * 12 + end.month - begin.month)
    else:
        periods = Fraction(_INTERVALS_A_YEAR[row["interval"]], int(row["interval_count"]))
    committed = row["pricing_model"] == "committed_usage"
    amount = Fraction(row["committed_amount"]) if committed else Fraction(row["unit_amount"]) * int(row["quantity"])
    own = [
        d
        for d in rows(paths, "discounts")
        if (d["item_id"] or d["subscription_id"]) in (row["item_id"], row["subscription_id"])
        and d["duration"] != "once"
        and d["starts_on"] <= close.isoformat() < (d["ends_on"] or "9999")
    ]
    for discount in (d for d in own if d["kind"] == "percent"):
        amount *= (100 - Fraction(discount["value"])) / 100
    for discount in (d for d in own if d["kind"] == "amount"):
        amount -= Fraction(discount["value"])
    return max(amount, Fraction(0)) * periods
