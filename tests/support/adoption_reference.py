"""The adoption mart recomputed the slow way, account by account and month by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from support.usage_reference import DAY, Counted, Reference

Scope = tuple[str, str]


@dataclass(frozen=True)
class Adoption:
    """Usage as the reference counts it; ARR by (month, account, product line); the joint watermark and the basis."""

    usage: Reference
    arr: dict[tuple[date, str, str], Decimal]
    joint_watermark: date
    basis: str

    def scopes(self) -> dict[Scope, set[str]]:
        """Features of every scope."""
        members: dict[Scope, set[str]] = defaultdict(set)
        for key in self.usage.features:
            for scope in self.usage.scopes([key]):
                members[scope].add(key)
        return members

    def entitled(self, account: str, features: set[str], day: date) -> tuple[bool, int | None]:
        """Whether the account may use any of these features on that date, and its seats."""
        rules = self.usage.features
        if self.basis == "subscription":
            lines = {rules[key]["product_line"] for key in features}
            return any(self.arr.get((day.replace(day=1), account, line), 0) > 0 for line in lines), None
        if self.basis == "all_live":
            return self._lives(account, day), None
        seats: dict[tuple[Any, Any], list[int | None]] = defaultdict(list)
        for row in self.usage.tables["entitlements"]:
            grants = {key for key in features if row.get("feature_key") == key} or {
                key for key in features
                if row.get("feature_key") is None and row.get("product_line") == rules[key]["product_line"]
            }  # fmt: skip
            in_force = row["valid_from"] <= day < (row.get("valid_to") or date.max)
            if row["account_id"] == account and grants and in_force:
                seats[row.get("feature_key"), row.get("product_line")].append(row.get("seats"))
        sums = [sum(n for n in found if n is not None) for found in seats.values() if any(n is not None for n in found)]
        return bool(seats), max(sums, default=None)

    def _lives(self, account: str, day: date) -> bool:
        row = next(row for row in self.usage.tables["accounts"] if row["account_id"] == account)
        seen = [event.local_date for event in self.usage.active if event.account == account]
        born = row.get("created_date") or min(seen, default=None)
        return born is not None and born <= day

    def established(self, days: set[date]) -> bool:
        """Whether enough distinct days ever fell within the window."""
        least, window = (self.usage.company[f"adoption_{name}_days"] for name in ("established", "window"))
        return any(sum(day <= other < day + window * DAY for other in days) >= least for day in days)

    def rows(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Key → every count and sum of the mart that is not a quotient."""
        first = min(event.local_date for event in self.usage.active)
        month = first.replace(day=1)
        while month <= self.joint_watermark:
            last = self.usage.period("month", month)[1]
            yield from self._month(month, min(last, self.joint_watermark))
            month = last + DAY

    def _month(self, month: date, day: date) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        customers = [row["account_id"] for row in self.usage.tables["accounts"] if not row.get("is_internal_test")]
        for scope, features in self.scopes().items():
            cells: dict[tuple[str, str], list[tuple[str, bool, int | None, list[Counted]]]] = defaultdict(list)
            for account in customers:
                mine = [event for event in self.usage.active if event.account == account and event.local_date <= day]
                used = [event for event in mine if event.features & features]
                entitled, seats = self.entitled(account, features, day)
                for segment in self.usage.segments(account, day):
                    cells[segment].append((account, entitled, seats, used))
            for segment, accounts in cells.items():
                measures = self._measures(month, day, features, accounts)
                if measures[0] or measures[-1]:
                    yield (month, *segment, *scope), measures

    def _measures(
        self, month: date, day: date, features: set[str], accounts: list[tuple[str, bool, int | None, list[Counted]]]
    ) -> tuple[Any, ...]:
        lines = {self.usage.features[key]["product_line"] for key in features}
        mine = [(name, seats, used) for name, entitled, seats, used in accounts if entitled]
        recent = {name: [e for e in used if e.local_date > day - 28 * DAY] for name, _, _, used in accounts}
        current = [name for name, _, _ in mine if recent[name]]
        arr = {name: sum(self.arr.get((month, name, line), Decimal(0)) for line in lines) for name, _, _ in mine}
        seats = [n for _, n, _ in mine if n is not None]
        events = [event for name in current for event in recent[name]]
        return (
            len(mine),
            sum(bool(used) for _, _, used in mine),
            sum(self.established({e.local_date for e in used}) for _, _, used in mine),
            len(current),
            len({event.user for event in events}),
            len(events),
            sum(len({key for e in recent[name] for key in e.features & features}) for name in current),
            sum(len({e.local_date for e in recent[name]}) for name in current),
            sum(arr.values(), Decimal(0)),
            sum((arr[name] for name in current), Decimal(0)),
            sum(seats) if seats else None,
            sum(not entitled and bool(recent[name]) for name, entitled, _, _ in accounts),
        )
