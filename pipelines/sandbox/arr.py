"""The truth about ARR: the published rulings done in exact fractions, item by item, apart from any pipeline code.

ARR = 12 × MRR of the items in service at month end, half-open; ``recurring`` discount policy; month-end rate;
rounded half up to cents per account × product line × currency × month, and summed only after that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from pipelines.sandbox.catalogue import BUNDLE, PRODUCTS
from pipelines.sandbox.entitlement import service_ends
from pipelines.sandbox.rates import month_end_rate
from pipelines.sandbox.spec import SandboxSpec, month_end
from pipelines.sandbox.terms import FAR, Book, Discount, Version

PRODUCT = {product.product_id: product for product in PRODUCTS}
_COUNTED = ("active", "past_due")
Cell = tuple[date, str, str, str]  # month, account_id, product_line, currency


@dataclass(frozen=True)
class Arr:
    """Closing ARR: ``cents`` of the reporting currency by month × account × product line × currency."""

    cents: dict[Cell, int]

    def by(self, month: date) -> dict[tuple[str, str], int]:
        """Cents by account × product line at the end of one month."""
        totals: dict[tuple[str, str], int] = defaultdict(int)
        for (when, account, line, _), cents in self.cents.items():
            if when == month:
                totals[account, line] += cents
        return dict(totals)


def gross_mrr(version: Version) -> Fraction:
    """Monthly amount of one item row in its currency, before discounts; 0 where the row is no recurring revenue."""
    is_recurring = PRODUCT[version.product_id].is_recurring and version.pricing_model != "metered"
    if version.status not in _COUNTED or not is_recurring:
        return Fraction(0)
    if version.pricing_model == "committed_usage":
        amount = Fraction(version.committed_amount or 0)
    else:
        amount = Fraction(version.unit_amount) * version.quantity
    return amount * _a_month(version)


def _a_month(version: Version) -> Fraction:
    """Billing intervals in a month."""
    begin, end = version.term_start, version.term_end
    if version.interval == "term" and begin and end:
        return Fraction(1, (end.year - begin.year) * 12 + end.month - begin.month)
    share = {"year": Fraction(1, 12), "month": Fraction(1), "week": Fraction(52, 12), "day": Fraction(365, 12)}
    return share[version.interval] / version.interval_count


class Discounts:
    """Looks up the discounts of an item and applies them: percentages compound, then amounts, never below 0."""

    def __init__(self, book: Book) -> None:
        self.by_target: dict[str, list[Discount]] = defaultdict(list)
        for discount in book.discounts:
            self.by_target[discount.item_id or discount.subscription_id].append(discount)

    def net(self, version: Version, gross: Fraction, day: date) -> Fraction:
        """The monthly amount after the discounts that recur and are in force on ``day``. Amounts are always on one
        item here, so nothing needs to be shared out between items."""
        found = self.by_target.get(version.item_id, []) + self.by_target.get(version.subscription_id, [])
        counted = [d for d in found if d.duration != "once" and d.in_force(day)]
        for discount in counted:
            if discount.kind == "percent":
                gross *= 1 - Fraction(discount.value) / 100
        for discount in counted:
            if discount.kind == "amount":
                gross -= Fraction(discount.value) * _a_month(version)
        return max(gross, Fraction(0))


def shares(product_id: str) -> list[tuple[str, Fraction]]:
    """Product lines of a product with the share of its money each gets."""
    if product_id == "growth-bundle":
        return [(line, Fraction(share)) for line, share in BUNDLE.items()]
    return [(PRODUCT[product_id].line, Fraction(1))]


def in_service(book: Book, months: list[date]) -> Iterator[tuple[date, Version]]:
    """Every item row with every month at whose end it is in service."""
    ends = service_ends(book)
    closes = [(month, month_end(month)) for month in months]
    for version in book.versions():
        end = min(version.end, ends.get(version.item_id, FAR))
        for month, close in closes:
            if version.effective_from <= close < end:
                yield month, version


def closing_arr(spec: SandboxSpec, book: Book, left_out: set[str]) -> Arr:
    """Closing ARR of every month; ``left_out`` are the internal test accounts."""
    local: dict[Cell, Fraction] = defaultdict(Fraction)
    discounts = Discounts(book)
    for month, version in in_service(book, spec.money_months):
        if version.account_id in left_out:
            continue
        mrr = discounts.net(version, gross_mrr(version), month_end(month))
        for line, share in shares(version.product_id):
            if mrr:
                local[month, version.account_id, line, version.currency] += 12 * mrr * share
    return Arr({cell: to_cents(amount * rate_of(cell[3], cell[0])) for cell, amount in sorted(local.items())})


def rate_of(currency: str, month: date) -> Fraction:
    """Month-end rate into the reporting currency."""
    return Fraction(1) if currency == "USD" else Fraction(month_end_rate(month))


def to_cents(amount: Fraction) -> int:
    """Half up (no amount is negative)."""
    return (200 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def money(cents: int) -> Decimal:
    """Cents as a decimal amount with two places."""
    return Decimal(cents).scaleb(-2)
