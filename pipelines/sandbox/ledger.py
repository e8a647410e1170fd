"""The sandbox company's general ledger by month, and the discrepancies planted between contracts, bills and books."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipelines.sandbox.accounts import Account, stream
from pipelines.sandbox.arr import money, shares
from pipelines.sandbox.billing import INVOICE_COLUMNS, Biller, Line, invoice_rows
from pipelines.sandbox.rates import average_rate
from pipelines.sandbox.spec import SandboxSpec, add_months, month_end, month_of
from pipelines.sandbox.tables import write_csv
from pipelines.sandbox.terms import Book

Note = dict[str, Any]
_BOOKS = ("USD", "Northwind Cloud Inc")
_COSTS = {
    "cogs": ("5000", Fraction(21, 100)),
    "s_and_m": ("6100", Fraction(34, 100)),
    "r_and_d": ("6200", Fraction(24, 100)),
}


def write_billing(folder: Path, spec: SandboxSpec, seed: int, accounts: list[Account], book: Book) -> list[Note]:
    """Write ``invoice_lines`` and ``gl_revenue``; returns the planted discrepancies."""
    biller = Biller(spec, accounts, book)
    lines, notes = plant(biller.lines(seed), spec, seed, book)
    write_csv(folder / "invoice_lines.csv", INVOICE_COLUMNS, invoice_rows(lines))
    rows, journal = gl_rows(spec, accounts, biller, lines)
    write_csv(
        folder / "gl_revenue.csv",
        "period_month,gl_account,revenue_class,product_line,segment,amount,currency,entity,is_closed",
        rows,
    )
    return [*notes, journal]


def plant(lines: list[Line], spec: SandboxSpec, seed: int, book: Book) -> tuple[list[Line], list[Note]]:
    """Change a few lines of the last third of the history so that bills no longer agree with contracts."""
    rng, notes = stream(seed, "discrepancies"), []
    recent = [
        n
        for n, line in enumerate(lines)
        if line.invoice_date >= spec.at(0.66)
        and line.is_recurring
        and not line.is_proration
        and (line.end - line.start).days in (28, 30, 31)
        and line.amount > 5_000
    ]
    chosen = rng.sample(recent, min(len(recent), 9))
    for n in chosen[:3]:
        lower = replace(lines[n], amount=lines[n].amount * 25 // 27)
        notes.append(_note("price_mismatch", lower, lower.amount - lines[n].amount))
        lines[n] = lower
    for n in chosen[3:6]:
        credit = replace(
            lines[n],
            amount=-(lines[n].amount // 4),
            is_recurring=False,
            line_type="credit",
            invoice_date=min(spec.last_day, lines[n].invoice_date + timedelta(days=9)),
        )
        notes.append(_note("credit", credit, credit.amount))
        lines.append(credit)
    refund = replace(lines[chosen[6]], amount=-lines[chosen[6]].amount, line_type="refund", is_recurring=False)
    notes.append(_note("refund", refund, refund.amount))
    lines.append(refund)
    unbilled = [lines[n] for n in chosen[7:9]]
    notes += [_note("contract_without_bill", line, -line.amount) for line in unbilled]
    lines = [line for line in lines if line not in unbilled]
    return lines + _after_the_end(lines, spec, book, notes), notes


def _after_the_end(lines: list[Line], spec: SandboxSpec, book: Book, notes: list[Note]) -> list[Line]:
    """Two customers go on being billed for two months after they have left."""
    latest = add_months(month_of(spec.last_day), -2)
    ended = [
        item.last
        for item in book.items
        if item.last.end_reason == "voluntary"
        and item.last.interval == "month"
        and item.last.interval_count == 1
        and spec.first_day < item.last.end < latest
    ]
    extra = []
    for version in ended[-2:]:
        months = [add_months(month_of(version.end), n) for n in (1, 2)]
        amount = max((line.amount for line in lines if line.item_id == version.item_id), default=10_000)
        for month in months:
            extra.append(
                Line(
                    version.account_id,
                    version.item_id,
                    version.product_id,
                    month,
                    month,
                    add_months(month, 1),
                    amount,
                    version.currency,
                )
            )
            notes.append(_note("bill_without_contract", extra[-1], amount))
    return extra


def _note(what: str, line: Line, amount: int) -> Note:
    return {
        "what": what,
        "account_id": line.account_id,
        "item_id": line.item_id,
        "on": line.invoice_date.isoformat(),
        "amount": str(money(amount)),
        "currency": line.currency,
    }


def gl_rows(
    spec: SandboxSpec, accounts: list[Account], biller: Biller, lines: list[Line]
) -> tuple[list[tuple[object, ...]], Note]:
    """Revenue as earned (by day in service, at the month's average rate), costs as shares of it, all in USD; and the
    one manual journal that no contract explains."""
    earned = _recurring(spec, accounts, biller)
    rows: list[tuple[object, ...]] = []
    journal_month = month_of(spec.at(0.7))
    for month in spec.money_months:
        is_closed = month < month_of(spec.last_day)
        own = {key[1:]: amount for key, amount in earned.items() if key[0] == month}
        rows += [
            (month, "4000", "recurring", line, size, _usd(amount), *_BOOKS, is_closed)
            for (line, size), amount in sorted(own.items())
        ]
        rows += _other_revenue(month, lines, is_closed)
        by_line: dict[str, Fraction] = defaultdict(Fraction)
        for (line, _), amount in own.items():
            by_line[line] += amount
        rows += [
            (month, account, name, line, None, _usd(by_line[line] * share), *_BOOKS, is_closed)
            for name, (account, share) in _COSTS.items()
            for line in sorted(by_line)
        ]
        total = sum(by_line.values(), Fraction(0))
        rows.append((month, "6300", "g_and_a", None, None, _usd(total * 12 / 100), *_BOOKS, is_closed))
        if month == journal_month:
            journal = _usd(total * 4 / 100)
            rows.append((month, "4000", "recurring", None, None, journal, *_BOOKS, is_closed))
    return rows, {
        "what": "manual_journal",
        "period_month": journal_month.isoformat(),
        "gl_account": "4000",
        "amount": str(journal),
        "currency": "USD",
    }


def _recurring(spec: SandboxSpec, accounts: list[Account], biller: Biller) -> dict[tuple[Any, str, str], Fraction]:
    """Revenue earned by month × product line × size, unrounded USD."""
    own = {account.account_id: account for account in accounts}
    earned: dict[tuple[Any, str, str], Fraction] = defaultdict(Fraction)
    for _, spans in biller.items():
        for span in spans:
            month = month_of(span.start)
            while month <= spec.last_day and month < span.end:
                following, close = add_months(month, 1), month_end(month)
                amount = biller.monthly(span, min(close, span.end - timedelta(days=1)))
                amount *= Fraction(span.overlap(month, following), (following - month).days)
                if span.version.currency != "USD":
                    amount *= Fraction(average_rate(month))
                size = own[span.version.account_id].size_on(close)
                for line, share in shares(span.version.product_id):
                    earned[month, line, size] += amount * share
                month = following
    return earned


def _other_revenue(month: Any, lines: list[Line], is_closed: bool) -> list[tuple[object, ...]]:
    """Usage and services as billed in the month."""
    totals: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for line in lines:
        if month_of(line.invoice_date) == month and not line.is_recurring and line.line_type in ("usage", "charge"):
            key = ("4100", "usage", "automation") if line.line_type == "usage" else ("4200", "services", "workspace")
            rate = Fraction(1) if line.currency == "USD" else Fraction(average_rate(month))
            totals[key] += Fraction(line.amount, 100) * rate
    return [
        (month, account, name, line, None, _usd(amount), *_BOOKS, is_closed)
        for (account, name, line), amount in sorted(totals.items())
    ]


def _usd(amount: Fraction) -> object:
    return money(round(amount * 100))
