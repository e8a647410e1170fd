"""Selling: how one account's subscriptions, items and discounts come into the books."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pipelines.sandbox.accounts import Account, adopt
from pipelines.sandbox.catalogue import BUNDLE, PRODUCTS
from pipelines.sandbox.spec import SandboxSpec, add_months
from pipelines.sandbox.terms import Book, Discount, Item, Version, amended

PRICE = {product.product_id: product.price for product in PRODUCTS}
LINE = {product.product_id: product.line for product in PRODUCTS}
_YEARLY = {"smb": 0.25, "mid_market": 0.5, "enterprise": 0.85}
_ATTACH = {"smb": 0.3, "mid_market": 0.45, "enterprise": 0.65}


class Seller:
    """Writes one account's sales into the books. ``live`` holds the items that still bill, main item first."""

    def __init__(self, spec: SandboxSpec, account: Account, book: Book, rng: random.Random) -> None:
        self.spec, self.account, self.book, self.rng = spec, account, book, rng
        self.live: list[Item] = []
        self.quiet_until = account.start  # nothing happens before this day
        self.subscription = self.serial = 0
        self.interval, self.count = "month", 1
        self.price_rise, self.succession = spec.month_at(0.6), spec.month_at(0.45)
        self.assistant_on = spec.at(0.5)
        # A small company lives through the rarer stories more often, so that its tests meet all of them
        self.busy = min(4.0, max(1.0, 160 / spec.accounts))
        self.is_flash = account.index % 29 == 24 and account.size == "smb" and account.start >= spec.first_day

    def open(self, day: date) -> None:
        """A new subscription: main product, add-ons, perhaps a trial and a discount."""
        self.subscription += 1
        size, rng = self.account.size_on(day), self.rng
        is_yearly = rng.random() < _YEARLY[size]
        self.interval, self.count = ("year", 1) if is_yearly else ("month", 3 if rng.random() < 0.06 else 1)
        if is_yearly and size == "enterprise" and day.day <= 28 and rng.random() < 0.15:
            self.interval = "term"
        elif not is_yearly and rng.random() < 0.01:
            self.interval, self.count = "week", 1
        main = (
            "workspace-enterprise"
            if size == "enterprise" or (size == "mid_market" and rng.random() < 0.4)
            else ("growth-bundle" if rng.random() < 0.12 else "workspace-team")
        )
        self.sell(main, day, self.account.seats)
        if rng.random() < _ATTACH[size]:
            self.sell_automation(day)
        if rng.random() < _ATTACH[size] and main != "growth-bundle":
            self.sell("reports-classic" if day < self.succession else "insights-pro", day, self._some_seats())
        if size != "smb" and rng.random() < 0.4:
            self.sell_once(day)
        if size == "smb" and self.subscription == 1 and rng.random() < 0.4 and not self.is_flash:
            self._begin_as_trial(day)
        if rng.random() < 0.25:
            self.discount(day)

    def sell(self, product: str, day: date, quantity: int, replaces: Item | None = None, **terms: Any) -> Item:
        """Add one item on the account's usual interval."""
        self.serial += 1
        price = Decimal(PRICE[product])
        months = {"year": 10, "term": 20, "week": 0}.get(self.interval, self.count)  # a year pays ten months
        unit = price * months if self.interval != "week" else Decimal(max(1, round(price / 4)))
        years = {"year": 1, "term": 2}.get(self.interval, 0)
        account_id = self.account.account_id
        version = Version(
            f"{account_id}-i{self.serial:02d}",
            1,
            f"{account_id}-s{self.subscription}",
            account_id,
            product,
            "active",
            day,
            self.account.currency,
            quantity=quantity,
            unit_amount=unit,
            interval=self.interval,
            interval_count=self.count,
            term_start=day if years else None,
            term_end=_years_later(day, years) if years else None,
            replaces_item_id=replaces.first.item_id if replaces else "",
            signed_date=day - timedelta(days=self.rng.randint(0, 25)),
            recorded_at=day,
        )
        item = Item([amended(version, **terms)])
        self.book.items.append(item)
        self.live.append(item)
        for line in BUNDLE if product == "growth-bundle" else (LINE[product],):
            adopt(self.account, line, day, self.spec, self.rng)
        return item

    def sell_automation(self, day: date) -> None:
        """Automation is sold by the seat, or as a commitment with overage that is billed by use."""
        if self.account.size_on(day) == "smb" or self.rng.random() < 0.6:
            self.sell("automation-runs", day, self._some_seats())
            return
        interval, factor = self.rng.choice((("month", 1), ("year", 10)))
        amount = Decimal(self.rng.choice((600, 900, 1500, 2400)) * factor)
        self.sell(
            "automation-commit",
            day,
            1,
            pricing_model="committed_usage",
            committed_amount=amount,
            unit_amount=Decimal("0.0200"),
            interval=interval,
            interval_count=1,
            term_start=None,
            term_end=None,
        )
        self.sell(
            "automation-overage",
            day,
            1,
            pricing_model="metered",
            unit_amount=Decimal("0.0300"),
            interval="month",
            interval_count=1,
            term_start=None,
            term_end=None,
        )

    def sell_once(self, day: date) -> None:
        """Services are no recurring revenue, whatever their row looks like."""
        item = self.sell(
            "onboarding",
            day,
            1,
            unit_amount=Decimal(2400),
            interval="month",
            interval_count=1,
            effective_to=add_months(day.replace(day=min(day.day, 28)), 1),
            term_start=None,
            term_end=None,
        )
        self.live.remove(item)

    def _begin_as_trial(self, day: date) -> None:
        for item in self.live:
            item.versions[0].status = "trialing"
            item.change(day + timedelta(days=14), status="active")
        self.book.tell("trial", self.account.account_id, day)

    def _some_seats(self) -> int:
        """Add-ons are bought for some of the seats."""
        return max(1, round(self.account.seats * self.rng.uniform(0.3, 1.0)))

    def _owned(self) -> set[str]:
        """Product lines of the live items."""
        return {
            line
            for item in self.live
            for line in (BUNDLE if item.first.product_id == "growth-bundle" else (LINE[item.first.product_id],))
        }

    def discount(self, day: date) -> None:
        """A percentage on an item or the whole subscription, or an amount on the main item, for once, a while or ever.

        Percentages come in steps that leave whole cents on every price, also two at a time.
        """
        rng, item = self.rng, self.live[0]
        if item.first.pricing_model != "licensed":
            return
        duration = rng.choices(("once", "repeating", "forever"), (0.2, 0.5, 0.3))[0]
        ends = {"once": 1, "repeating": rng.choice((3, 6, 12)), "forever": 0}[duration]
        is_amount, is_whole = rng.random() < 0.3, rng.random() < 0.4
        gross = item.last.unit_amount * item.last.quantity
        value = Decimal(max(1, int(gross / 10))) if is_amount else Decimal(rng.choice((10, 15, 20, 25)))
        if not is_amount and rng.random() < 0.03:
            value, duration, ends = Decimal(100), "forever", 0
        on_item = is_amount or not is_whole
        self.book.discounts.append(
            Discount(
                f"disc-{len(self.book.discounts) + 1:04d}",
                item.first.item_id if on_item else "",
                "" if on_item else item.first.subscription_id,
                "amount" if is_amount else "percent",
                value,
                duration,
                day,
                add_months(day.replace(day=min(day.day, 28)), ends) if ends else None,
                item.last.currency if is_amount else "",
            )
        )


def _years_later(day: date, years: int) -> date:
    return day.replace(year=day.year + years, day=min(day.day, 28))
