"""When each account may use which product line, and how keen it is: the bridge from contracts to usage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.catalogue import BUNDLE, LINES, PRODUCTS
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.spec import SandboxSpec
from pipelines.sandbox.terms import FAR, Book, Version

LINE = {product.product_id: product.line for product in PRODUCTS}
_USABLE = ("trialing", "active", "past_due", "unpaid")
DECLINE_DAYS = 60  # usage fades over so many days before an account's last service day
LEAST_ENGAGEMENT = 0.15


@dataclass(frozen=True)
class Stay:
    """One uninterrupted entitlement of an account to a product line over ``[valid_from, valid_to)``."""

    account_id: str
    line: str
    seats: int
    valid_from: date
    valid_to: date | None


def lines_of(product_id: str) -> tuple[str, ...]:
    """Product lines that a product gives access to."""
    return tuple(BUNDLE) if product_id == "growth-bundle" else (LINE[product_id],)


def service_ends(book: Book) -> dict[str, date]:
    """First day each item is out of service because another item names it as replaced."""
    ends: dict[str, date] = {}
    for item in book.items:
        replaced = item.first.replaces_item_id
        if replaced:
            ends[replaced] = min(ends.get(replaced, FAR), item.first.effective_from)
    return ends


def stays(book: Book) -> list[Stay]:
    """Entitlements: the union of the service intervals of a line's items, seats = the most seats in the union."""
    spans: dict[tuple[str, str], list[tuple[date, date, int]]] = {}
    ends = service_ends(book)
    for version in book.versions():
        end = min(version.end, ends.get(version.item_id, FAR))
        if version.status in _USABLE and end > version.effective_from and version.product_id != "onboarding":
            for line in lines_of(version.product_id):
                spans.setdefault((version.account_id, line), []).append((version.effective_from, end, _seats(version)))
    return [stay for (account, line), parts in sorted(spans.items()) for stay in _union(account, line, sorted(parts))]


def _seats(version: Version) -> int:
    return version.quantity if version.pricing_model == "licensed" else 0


def _union(account: str, line: str, parts: list[tuple[date, date, int]]) -> list[Stay]:
    merged: list[tuple[date, date, int]] = []
    for begin, end, seats in parts:
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), max(seats, merged[-1][2]))
        else:
            merged.append((begin, end, seats))
    return [Stay(account, line, seats, begin, None if end == FAR else end) for begin, end, seats in merged]


def entitled(spec: SandboxSpec, accounts: list[Account], all_stays: list[Stay], days: int) -> NDArray[np.bool_]:
    """Account × line × day: may the account use the line? Day 0 is the first day with events."""
    table = np.zeros((len(accounts), len(LINES), days), dtype=bool)
    position = {account.account_id: account.index for account in accounts}
    for stay in all_stays:
        begin = (stay.valid_from - spec.first_usage_day).days
        end = (stay.valid_to - spec.first_usage_day).days if stay.valid_to else days
        table[position[stay.account_id], LINES.index(stay.line), max(0, begin) : max(0, end)] = True
    return table


def engagement(spec: SandboxSpec, accounts: list[Account], book: Book, table: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Account × day: how keen the account is. It warms up over its first month and fades before it leaves."""
    days = table.shape[2]
    keen = np.ones((len(accounts), days), dtype=np.float32)
    offsets = np.arange(days)
    for account in accounts:
        age = offsets + (spec.first_usage_day - account.start).days
        keen[account.index] = np.clip(0.4 + age / 50, 0.4, 1.0)
    position = {account.account_id: account.index for account in accounts}
    for note in book.story:
        if note["what"] == "churn":
            row = keen[position[note["account_id"]]]
            left = (date.fromisoformat(note["on"]) - spec.first_usage_day).days - offsets
            fading = (left >= 0) & (left < DECLINE_DAYS)
            row[fading] *= np.clip(left[fading] / DECLINE_DAYS, LEAST_ENGAGEMENT, 1.0)
    return keen * table.any(axis=1)


def off_entitlement(spec: SandboxSpec, accounts: list[Account], table: NDArray[np.bool_]) -> list[tuple[str, str]]:
    """Let a few accounts use a line that they do not hold; returns (account_id, line) and marks ``table``."""
    planted = []
    last = table.shape[2] - 1
    for account in accounts[:: max(5, len(accounts) // 6)]:
        row = table[account.index]
        missing = [n for n in (1, 2) if row[0, last] and not row[n, last - min(60, last) :].any()]
        if missing and not account.is_internal_test:
            row[missing[0], last - min(60, last) :] = True
            for feature in FEATURES:
                if feature.line == LINES[missing[0]] and feature.is_core:
                    account.adopted.setdefault(feature.key, spec.first_usage_day)
            planted.append((account.account_id, LINES[missing[0]]))
    return planted
