"""Companies with random contract histories: everything that moves ARR, in any order, on any day of a month."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from random import Random
from typing import Any

from support.raw_money import state

FIRST, AS_OF = date(2024, 1, 1), date(2025, 3, 20)
DAYS = (AS_OF - FIRST).days
STATUSES = ("active", "active", "active", "past_due", "paused", "unpaid", "trialing", "canceled")
PRODUCTS = ("core", "core-plus", "extra", "classic", "next", "moving", "bundle", "thirds", "unlisted")


def _listed(product: str, line: str, valid_from: str | None = None) -> dict[str, Any]:
    return {"product_id": product, "product_name": product, "product_line": line, "is_recurring": True,
            "valid_from": valid_from}  # fmt: skip


CATALOGUE = [
    *(_listed(*row) for row in (("core", "Core"), ("core-plus", "Core"), ("extra", "Extra"), ("classic", "Core"),
                                ("next", "Extra"), ("bundle", "Core"), ("thirds", "Core"))),
    _listed("moving", "Core", "2023-01-01"), _listed("moving", "Extra", "2024-07-15"),
]  # fmt: skip
BUNDLES = [
    {"bundle_product_id": product, "product_line": line, "share": share, "valid_from": begin}
    for product, begin, shares in (
        ("bundle", "2024-05-01", {"Core": "0.5", "Extra": "0.3", "Add-ons": "0.2"}),
        ("bundle", "2024-11-10", {"Core": "0.1", "Add-ons": "0.9"}),
        ("thirds", "2023-01-01", dict.fromkeys(("Core", "Extra", "Add-ons"), "0.33333333")),
    )
    for line, share in shares.items()
]


class History:
    """One company's raw tables, drawn from one seed."""

    def __init__(self, seed: int, accounts: int = 40) -> None:
        self.rng = Random(seed)
        self.items: list[dict[str, Any]] = []
        self.discounts: list[dict[str, Any]] = []
        self.segments: list[dict[str, Any]] = []
        names = [f"a{n:02}" for n in range(accounts)]
        for name in names:
            for _ in range(self.rng.randint(1, 3)):
                self._item(name, self._day(FIRST), None)
            self._segments(name)
        self.accounts = [{"account_id": name} for name in names]
        self.rates = self._rates()

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "finance_state": [state("full", AS_OF.isoformat(), has_gl=False)],
            "lens_dimensions": [{"position": 1, "dimension": "size"}, {"position": 2, "dimension": "region"}],
            "accounts": self.accounts,
            "subscription_items": self.items,
            "discounts": self.discounts,
            "account_segments": self.segments,
            "products": list(CATALOGUE),
            "bundle_allocation": list(BUNDLES),
            "product_succession": [
                {"from_product_id": "classic", "to_product_id": to, "effective_date": "2024-06-01"}
                for to in ("next", "core-plus")
            ],
            "fx_rates": self.rates,
        }

    def shuffled(self, seed: int) -> dict[str, list[dict[str, Any]]]:
        """The same tables with their rows in another order."""
        rng = Random(seed)
        return {name: rng.sample(rows, len(rows)) for name, rows in self.tables().items()}

    def _day(self, after: date) -> date:
        """A day after ``after``, one in three at the edge of a month."""
        day = after + timedelta(days=self.rng.randint(1, max(2, DAYS // 3)))
        edge = self.rng.random()
        if edge < 0.17:
            return day.replace(day=1) if day.replace(day=1) > after else day
        return day.replace(day=monthrange(day.year, day.month)[1]) if edge < 0.34 else day

    def _terms(self) -> dict[str, Any]:
        rng = self.rng
        price = rng.choice((-1, 1, 1, 1, 1, 1)) * rng.uniform(0, 90)
        return {
            "product_id": rng.choice(PRODUCTS), "currency": rng.choice(("USD", "USD", "EUR", "JPY")),
            "quantity": str(rng.randint(1, 30)), "unit_amount": f"{price:.4f}",
            "interval": rng.choice(("month", "month", "year", "week")), "interval_count": rng.choice((1, 1, 3)),
            "pricing_model": "licensed",
        }  # fmt: skip

    def _change(self, terms: dict[str, Any]) -> dict[str, Any]:
        """New terms that differ in one or several ways."""
        fresh = self._terms()
        kinds = ("quantity", "quantity", "unit_amount", "unit_amount", "product_id", "currency", "interval")
        return terms | {key: fresh[key] for key in self.rng.sample(kinds, self.rng.randint(1, 3))}

    def _item(self, account: str, begin: date, replaces: str | None) -> None:
        """An item with its versions, its discounts, and perhaps the one that replaces it."""
        rng, terms = self.rng, self._terms()
        item_id = f"{account}-{len(self.items):04}"
        if rng.random() < 0.1:
            terms |= {"pricing_model": "committed_usage", "committed_amount": f"{rng.uniform(1, 900):.2f}"}
        for version in range(1, rng.randint(2, 5)):
            end = self._day(begin)
            is_last = version == 4 or rng.random() < 0.2
            status = rng.choice(STATUSES)
            self.items.append(
                {"item_id": item_id, "version_no": version, "subscription_id": f"{account}-{rng.randint(1, 2)}",
                 "account_id": account, "status": status, "effective_from": begin.isoformat(),
                 "effective_to": None if is_last and rng.random() < 0.6 else end.isoformat(),
                 "replaces_item_id": replaces if version == 1 else None,
                 "end_reason": rng.choice((None, None, "voluntary", "involuntary")),
                 "cancel_requested_at": self._day(begin).isoformat() if rng.random() < 0.1 else None, **terms}
            )  # fmt: skip
            begin, terms = (end if rng.random() < 0.9 else self._day(end)), self._change(terms)
            if is_last:
                break
        for _ in range(rng.choice((0, 0, 1, 2))):
            self._discount(item_id, self.items[-1]["subscription_id"])
        if begin < AS_OF and rng.random() < 0.5:
            self._item(account, self._day(begin - timedelta(days=30)), item_id if rng.random() < 0.7 else None)

    def _discount(self, item_id: str, subscription_id: str) -> None:
        rng, begin = self.rng, self._day(FIRST - timedelta(days=90))
        target = {"item_id": item_id} if rng.random() < 0.6 else {"subscription_id": subscription_id}
        is_percent = rng.random() < 0.6
        self.discounts.append(
            {"discount_id": f"d{len(self.discounts)}", "kind": "percent" if is_percent else "amount",
             "value": str(rng.choice((10, 25, 100))) if is_percent else f"{rng.uniform(1, 60):.2f}",
             "duration": rng.choice(("once", "repeating", "forever")), "starts_on": begin.isoformat(),
             "ends_on": self._day(begin).isoformat() if rng.random() < 0.6 else None, **target}
        )  # fmt: skip

    def _segments(self, account: str) -> None:
        for dimension, values in (("size", ("smb", "mid", "enterprise")), ("region", ("emea", "amer"))):
            begin = FIRST - timedelta(days=1) if self.rng.random() < 0.7 else self._day(FIRST)
            while begin < AS_OF and self.rng.random() < 0.8:
                end = self._day(begin)
                self.segments.append(
                    {"account_id": account, "dimension": dimension, "value": self.rng.choice(values),
                     "valid_from": begin.isoformat(), "valid_to": end.isoformat()}
                )  # fmt: skip
                begin = end if self.rng.random() < 0.8 else self._day(end)

    def _rates(self) -> list[dict[str, Any]]:
        ends = [date(2024 + n // 12, n % 12 + 1, monthrange(2024 + n // 12, n % 12 + 1)[1]) for n in range(14)]
        return [
            {"rate_date": day.isoformat(), "from_currency": currency, "to_currency": "USD",
             "rate": f"{around * self.rng.uniform(0.8, 1.25):.8f}", "rate_type": "month_end"}
            for currency, around in (("EUR", 1.1), ("JPY", 0.0067))
            for day in (*ends, AS_OF)
        ]  # fmt: skip
