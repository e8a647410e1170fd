"""Retention of those who use something and those who could, account by account, the slow and plain way."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from support.adoption_reference import Adoption
from support.money_world import Query
from support.retention_reference import Book, add_months, by_account, summed
from support.usage_reference import DAY

Key = tuple[date, int, str, str, str, str, bool]
Unit = tuple[str, bool, Decimal, Decimal, Decimal]


def adopter_retention(query: Query, adoption: Adoption, first_date: date) -> dict[Key, tuple[Any, ...]]:
    """(cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, cross_sell_arr, is_complete) by key of the
    mart. ``first_date``: the first local date whose events have landed."""
    book = Book(query)
    scopes = {scope: keys for scope, keys in adoption.scopes().items() if scope[0] in ("feature", "feature_set")}
    units: dict[Key, list[Unit]] = defaultdict(list)
    for month in book.months:
        for window in (1, 3, 12):
            start = add_months(month, -window)
            day = min(add_months(start, 1) - DAY, adoption.joint_watermark)
            if start not in book.months or start > adoption.joint_watermark or day - 89 * DAY < first_date:
                continue
            for scope, features in scopes.items():
                for unit in _paying(book, month, start):
                    if adoption.entitled(unit[0], features, day)[0]:
                        adopter = _uses(adoption, unit[0], features, day)
                        for segment in book.cells(unit[0], start):
                            units[month, window, *segment, *scope, adopter].append(unit)
    return {key: (*summed(found, book.roots), _is_over(book, adoption, key[0])) for key, found in units.items()}


def _paying(book: Book, month: date, start: date) -> list[Unit]:
    """Every account that paid at the start: its whole ARR at both ends, and what it pays for lines it did not hold."""
    now, then = book.lines(month, month), book.lines(start, month)
    accounts_now = by_account(now)
    return [
        (
            account,
            True,
            opening,
            accounts_now.get(account, Decimal(0)),
            sum((v for (who, line), v in now.items() if who == account and (who, line) not in then), Decimal(0)),
        )
        for account, opening in by_account(then).items()
    ]


def _uses(adoption: Adoption, account: str, features: set[str], day: date) -> bool:
    """Whether the account used one of the features on one of the 90 days that end with this one."""
    return any(
        event.account == account and event.features & features and day - 90 * DAY < event.local_date <= day
        for event in adoption.usage.active
    )


def _is_over(book: Book, adoption: Adoption, month: date) -> bool:
    last = add_months(month, 1) - DAY
    return book.months[month] == last and last <= adoption.joint_watermark
