"""Invoices of the sandbox company: what the contracts say, but for a few planted discrepancies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from pipelines.sandbox.accounts import Account, stream
from pipelines.sandbox.arr import Discounts, gross_mrr, money
from pipelines.sandbox.entitlement import service_ends
from pipelines.sandbox.spec import SandboxSpec, add_months, month_of
from pipelines.sandbox.terms import FAR, Book, Item, Version

INVOICE_COLUMNS = (
    "invoice_id,line_id,account_id,item_id,product_id,invoice_date,service_start,service_end,amount,"
    "tax_amount,currency,is_proration,is_recurring,line_type,invoice_status"
)


@dataclass(frozen=True)
class Line:
    """One invoice line; ``amount`` in cents of ``currency`` without tax, service over ``[start, end)``."""

    account_id: str
    item_id: str
    product_id: str
    invoice_date: date
    start: date
    end: date
    amount: int
    currency: str
    is_proration: bool = False
    is_recurring: bool = True
    line_type: str = "charge"
    status: str = "paid"


@dataclass(frozen=True)
class Served:
    """One item row over the days it is in service and counts."""

    version: Version
    start: date
    end: date

    def overlap(self, begin: date, end: date) -> int:
        """Days in service within ``[begin, end)``."""
        return max(0, (min(end, self.end) - max(begin, self.start)).days)


def served(item: Item, ends: dict[str, date]) -> list[Served]:
    """The rows of an item that earn money, each ending where the item or its follower says."""
    end = ends.get(item.first.item_id, FAR)
    spans = [Served(v, v.effective_from, min(v.end, end)) for v in item.versions if gross_mrr(v)]
    return [span for span in spans if span.start < span.end]


class Biller:
    """Bills every customer up to the last day of the history, in advance, interval by interval."""

    def __init__(self, spec: SandboxSpec, accounts: list[Account], book: Book) -> None:
        self.spec, self.book = spec, book
        self.discounts, self.ends = Discounts(book), service_ends(book)
        self.left_out = {account.account_id for account in accounts if account.is_internal_test}

    def items(self) -> Iterator[tuple[Item, list[Served]]]:
        """Items of customers with their served rows."""
        for item in self.book.items:
            if item.first.account_id not in self.left_out:
                yield item, served(item, self.ends)

    def monthly(self, span: Served, day: date) -> Fraction:
        """Net amount a month on a day."""
        return self.discounts.net(span.version, gross_mrr(span.version), day)

    def lines(self, seed: int) -> list[Line]:
        """Every line that agrees with the contracts, in the order of the books."""
        found: list[Line] = []
        for item, spans in self.items():
            first = item.first
            if first.product_id == "onboarding":
                found.append(
                    Line(
                        first.account_id,
                        first.item_id,
                        first.product_id,
                        first.effective_from,
                        first.effective_from,
                        item.last.end,
                        int(first.unit_amount * 100),
                        first.currency,
                        is_recurring=False,
                    )
                )
            elif first.pricing_model == "metered":
                found += self._usage(item, seed)
            elif spans:
                months = _period_months(first)
                found += self._by_month(spans) if months == 1 else self._in_advance(spans, months)
        return [line for line in found if line.invoice_date <= self.spec.last_day and line.amount]

    def _by_month(self, spans: list[Served]) -> Iterator[Line]:
        for span in spans:
            month = month_of(span.start)
            while month <= self.spec.last_day and month < span.end:
                following = add_months(month, 1)
                days, of = span.overlap(month, following), (following - month).days
                begin, end = max(month, span.start), min(following, span.end)
                amount = self.monthly(span, end - timedelta(days=1)) * days / of
                yield _line(span.version, begin, begin, end, amount, is_proration=days < of)
                month = following

    def _in_advance(self, spans: list[Served], months: int) -> Iterator[Line]:
        """Whole periods from the item's start; a change inside a period is billed or credited for its rest."""
        begin, last = spans[0].start, spans[-1].end
        anchor = begin.replace(day=min(begin.day, 28))
        period = 0
        while begin <= self.spec.last_day and begin < last:
            period += 1
            end = add_months(anchor, months * period)
            inside = [span for span in spans if span.start < end and span.end > begin]
            before: Fraction | None = None
            for span in inside:
                start = max(begin, span.start)
                now = self.monthly(span, start)
                change = now - (before or 0)
                rest = Fraction((end - start).days, (end - begin).days)
                if change:
                    yield _line(span.version, start, start, end, change * months * rest, before is not None)
                before = now
            begin = end

    def _usage(self, item: Item, seed: int) -> Iterator[Line]:
        rng = stream(seed, "usage", item.first.item_id)
        month, last = add_months(month_of(item.first.effective_from), 1), item.last.end
        while month <= self.spec.last_day and month < last:
            begin = add_months(month, -1)
            amount = Fraction(rng.randint(0, 9_000) * 3, 100)  # whole runs at 0.03
            yield replace(_line(item.first, month, begin, month, amount), is_recurring=False, line_type="usage")
            month = add_months(month, 1)


def _period_months(version: Version) -> int:
    if version.interval == "term":
        return 24
    return {"year": 12, "month": 1, "week": 1}[version.interval] * (
        version.interval_count if version.interval == "month" else 1
    )


def _line(version: Version, on: date, start: date, end: date, amount: Fraction, is_proration: bool = False) -> Line:
    status = "open" if version.status == "past_due" else "paid"
    return Line(
        version.account_id,
        version.item_id,
        version.product_id,
        on,
        start,
        end,
        round(amount * 100),
        version.currency,
        is_proration,
        status=status,
    )


def invoice_rows(lines: list[Line]) -> list[tuple[object, ...]]:
    """Rows of ``invoice_lines``: lines of one account, day and currency share an invoice; Europe pays 19 % tax."""
    rows: list[tuple[object, ...]] = []
    numbers: dict[tuple[str, date, str], int] = {}
    count: dict[int, int] = {}
    for line in sorted(lines, key=lambda x: (x.invoice_date, x.account_id, x.item_id, x.start, x.line_type, x.amount)):
        number = numbers.setdefault((line.account_id, line.invoice_date, line.currency), len(numbers) + 1)
        count[number] = count.get(number, 0) + 1
        tax = Decimal(0) if line.currency == "USD" else (money(line.amount) * 19 / 100).quantize(Decimal("0.01"))
        rows.append(
            (
                f"inv-{number:06d}",
                count[number],
                line.account_id,
                line.item_id,
                line.product_id,
                line.invoice_date,
                line.start,
                line.end,
                money(line.amount),
                tax,
                line.currency,
                line.is_proration,
                line.is_recurring,
                line.line_type,
                line.status,
            )
        )
    return rows
