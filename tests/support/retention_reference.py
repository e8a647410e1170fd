"""Retention computed again, account by account, the slow and plain way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from support.money_world import Query

Key = tuple[date, int, str, str, str, str]
E12 = Decimal("1e-12")


def add_months(month: date, count: int) -> date:
    """First day of the month so many months later."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def quarter_start(month: date, starts_in: int) -> date:
    """First day of the fiscal quarter of a month."""
    return add_months(month, -((month.month - starts_in) % 3))


class Book:
    """What the months hold: unrounded local money, rates, families and segments."""

    def __init__(self, query: Query) -> None:
        self.months = dict(query("SELECT month_start, state_date FROM intermediate.int_calendar__money_months"))
        rates = query("SELECT month_start, currency, fx_rate FROM intermediate.int_money__fx_months")
        self.rates = {(month, currency): rate for month, currency, rate in rates if rate is not None}
        self.roots = dict(query("SELECT account_id, root_account_id FROM intermediate.int_company__accounts"))
        self.segments = query(
            "SELECT account_id, dimension, segment, valid_from, valid_to "
            "FROM intermediate.int_company__account_segments WHERE NOT is_total"
        )
        self.starts_in = query("SELECT fiscal_year_starts_in FROM raw.company")[0][0]
        self.rows: dict[date, dict[tuple[str, str, str], Decimal]] = defaultdict(dict)
        for month, *key, amount in query(
            "SELECT month_start, account_id, product_line, currency, arr_e12 FROM intermediate.int_money__line_months"
        ):
            if (month, key[2]) in self.rates:
                self.rows[month][(key[0], key[1], key[2])] = amount * E12

    def lines(self, month: date, rated: date) -> dict[tuple[str, str], Decimal]:
        """ARR above zero by account and line at a month end, at the rate of another month."""
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (account, line, currency), amount in self.rows[month].items():
            if (rated, currency) in self.rates and amount:
                money = (amount * self.rates[rated, currency]).quantize(Decimal("1e-8"), ROUND_HALF_UP)
                sums[account, line] += money.quantize(Decimal("0.01"), ROUND_HALF_UP)
        return {key: money for key, money in sums.items() if money > 0}

    def cells(self, account: str, month: date) -> Iterator[tuple[str, str]]:
        """Every (dimension, segment) of an account at a month end, the total first."""
        yield "all", "all"
        day = self.months[month]
        for owner, dimension, segment, begin, end in self.segments:
            if owner == account and begin <= day < end:
                yield dimension, segment


def by_account(lines: dict[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    """Line ARR summed by account."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (account, _), money in lines.items():
        sums[account] += money
    return sums


def retention(query: Query) -> dict[Key, tuple[Any, ...]]:
    """(cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, cross_sell_arr) by key of the mart."""
    book = Book(query)
    firsts: dict[str, date] = {}
    for month in sorted(book.months):
        for account in by_account(book.lines(month, month)):
            firsts.setdefault(account, month)
    units: dict[Key, list[tuple[str, bool, Decimal, Decimal, Decimal]]] = defaultdict(list)
    for month in book.months:
        now = book.lines(month, month)
        for window in (1, 3, 12):
            start = add_months(month, -window)
            if start not in book.months:
                continue
            then = book.lines(start, month)
            accounts_then, accounts_now = by_account(then), by_account(now)
            for account, opening in accounts_then.items():
                crossed = {line: v for (who, line), v in now.items() if who == account and (who, line) not in then}
                quarter = quarter_start(firsts[account], book.starts_in).isoformat()
                for dimension, segment in book.cells(account, start):
                    cell = (month, window, dimension, segment)
                    whole = (
                        account,
                        True,
                        opening,
                        accounts_now.get(account, Decimal(0)),
                        sum(crossed.values(), Decimal(0)),
                    )
                    units[*cell, "all", "all"].append(whole)
                    units[*cell, "acquisition_quarter", quarter].append(whole)
                    for (who, line), held in then.items():
                        if who == account:
                            pair = (account, True, held, now.get((who, line), Decimal(0)), Decimal(0))
                            units[*cell, "product_line", line].append(pair)
                    for line, sold in crossed.items():
                        units[*cell, "product_line", line].append((account, False, Decimal(0), Decimal(0), sold))
    return {key: summed(found, book.roots) for key, found in units.items()}


def summed(units: list[tuple[str, bool, Decimal, Decimal, Decimal]], roots: dict[str, str]) -> tuple[Any, ...]:
    """The figures of one cell; growth and shrinkage of one family offset each other before they are capped."""
    families: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for account, _, start, end, _ in units:
        families[roots[account]][0] += start
        families[roots[account]][1] += end
    return (
        sum(held for _, held, *_ in units),
        sum(held and end > 0 for _, held, _, end, _ in units),
        sum((unit[2] for unit in units), Decimal(0)),
        sum((unit[3] for unit in units), Decimal(0)),
        sum((min(family) for family in families.values()), Decimal(0)),
        sum((unit[4] for unit in units), Decimal(0)),
    )
