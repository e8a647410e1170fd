"""The life of each customer's contract, month by month: sales, changes, churn and return.

Churn depends on adoption: an account's monthly hazard is its size's base hazard times the planted ``churn_ratio`` of
every feature it has adopted by then. That is the effect an analysis of these data should find again.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from pipelines.sandbox.accounts import Account, stream
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.sales import Seller
from pipelines.sandbox.spec import SandboxSpec, add_months, month_of
from pipelines.sandbox.terms import Book, Item, amended

BASE_CHURN = {"smb": 0.045, "mid_market": 0.024, "enterprise": 0.012}  # a month, before planted effects
RATIO = {feature.key: feature.churn_ratio for feature in FEATURES if feature.churn_ratio != 1}


def write_book(spec: SandboxSpec, seed: int, accounts: list[Account]) -> Book:
    """Draw every account's contracts (and with them its feature adoption)."""
    book = Book()
    for account in accounts:
        Life(spec, account, book, stream(seed, "life", account.account_id)).run()
    return book


class Life(Seller):
    """One account's contract history, month by month."""

    def run(self) -> None:
        if self.is_flash:
            self.account.start = self.account.start.replace(day=3)
            self.account.size_history[0] = (self.account.size, self.account.start)
            self.account.industry_history[0] = (self.account.industry, self.account.start)
        self.open(self.account.start)
        if self.account.is_internal_test:
            return
        if self.is_flash:
            self.leave(self.account.start + timedelta(days=17), self.account.start + timedelta(days=5), "voluntary")
            self.book.tell("flash_logo", self.account.account_id, self.account.start)
            return
        month = add_months(month_of(self.account.start), 1)
        while month <= self.spec.last_day:
            self.live_through(month)
            month = add_months(month, 1)
        self.sign_ahead()

    def leave(self, end: date, requested: date | None, reason: str) -> None:
        """End every live item; some are served a little longer than they are billed, a few shorter."""
        extra = self.rng.choice((None, None, None, 7, 14, -3)) if reason == "voluntary" and not self.is_flash else None
        for item in self.live:
            last_end = max(end, item.last.effective_from + timedelta(days=5))
            item.end(last_end, reason, requested, last_end + timedelta(days=extra) if extra else None)
            if extra is None and self.rng.random() < 0.15 and last_end <= self.spec.last_day:
                self._mark_canceled(item, last_end)
        self.live = []
        self.book.tell("churn", self.account.account_id, end, reason=reason, requested=requested or "")
        self.quiet_until = end + timedelta(days=32)

    def _mark_canceled(self, item: Item, day: date) -> None:
        ended = item.last
        item.versions.append(
            amended(
                ended,
                version_no=ended.version_no + 1,
                status="canceled",
                effective_from=day,
                effective_to=None,
                service_end_date=None,
                recorded_at=day,
            )
        )

    def live_through(self, month: date) -> None:
        if month < self.quiet_until:
            return
        if not self.live:
            self._perhaps_return(month)
        elif not self._perhaps_leave(month):
            self._migrate(month)
            self._change_terms(month)
            self._grow(month)

    def _perhaps_return(self, month: date) -> None:
        if self.rng.random() < min(0.4, 0.04 * self.busy**2) and month <= self.spec.last_day - timedelta(days=30):
            day = month + timedelta(days=self.rng.randrange(20))
            self.open(day)
            self.book.tell("reactivation", self.account.account_id, day)
            self.quiet_until = day + timedelta(days=60)

    def hazard(self, month: date) -> float:
        """Probability that the account gives notice (or stops paying) in this month."""
        value = BASE_CHURN[self.account.size_on(month)]
        for key, ratio in RATIO.items():
            if key in self.account.adopted and self.account.adopted[key] < month:
                value *= ratio
        return value

    def _perhaps_leave(self, month: date) -> bool:
        if self.rng.random() >= self.hazard(month):
            return False
        day = month + timedelta(days=self.rng.randrange(27))
        if self.rng.random() < 0.22:
            self._stop_paying(day)
        else:
            notice = self.rng.randint(5, 30) if self.account.size == "smb" else self.rng.randint(30, 60)
            self.leave(self._last_day_of_service(day + timedelta(days=notice)), day, "voluntary")
        return True

    def _last_day_of_service(self, day: date) -> date:
        """Contracts like to end around month ends: on the first (still in the closed month's end) or on the last day
        (no longer in it), which are the two cases that a half-open interval must get right."""
        luck = self.rng.random()
        following = add_months(month_of(day), 1)
        return following if luck < 0.4 else following - timedelta(days=1) if luck < 0.55 else day

    def _stop_paying(self, day: date) -> None:
        for item in self.live:
            item.change(day, status="past_due")
        end = day + timedelta(days=30)
        self.book.tell("past_due", self.account.account_id, day)
        if end <= self.spec.last_day:
            self.leave(end, None, "involuntary")
        else:
            self.quiet_until = end

    def _change_terms(self, month: date) -> None:
        rng, day = self.rng, month + timedelta(days=self.rng.randrange(27))
        luck = rng.random()
        if luck < 0.008:
            self._spell(day, "past_due", rng.randint(8, 25))
        elif luck < 0.011:
            self._spell(day, "paused", rng.randint(30, 60))
        elif luck < 0.08:
            self._change_seats(day, rng.uniform(1.05, 1.4))
        elif luck < 0.10:
            self._change_seats(day, rng.uniform(0.6, 0.95))
        elif luck < 0.11:
            self.discount(day)
        self._raise_price(month)

    def _spell(self, day: date, status: str, days: int) -> None:
        for item in self.live:
            item.change(day, status=status)
            if day + timedelta(days=days) <= self.spec.last_day:
                item.change(day + timedelta(days=days), status="active")
        self.quiet_until = add_months(month_of(day + timedelta(days=days)), 1)
        self.book.tell(status, self.account.account_id, day, days=days)

    def _change_seats(self, day: date, factor: float) -> None:
        item = self.rng.choice(self.live)
        if item.last.pricing_model == "licensed":
            quantity = max(1, round(item.last.quantity * factor))
            item.change(day, quantity=quantity)

    def _raise_price(self, month: date) -> None:
        """Eight per cent: monthly customers on the day of the rise, the others at their next anniversary."""
        for item in self.live:
            first = item.first.effective_from
            is_due = (
                month == self.price_rise
                if self.interval in ("month", "week")
                else (self.price_rise <= month < add_months(self.price_rise, 12) and month.month == first.month)
            )
            if is_due and first < self.price_rise and item.last.pricing_model == "licensed":
                is_at_once = self.interval in ("month", "week")
                day = month if is_at_once else first.replace(year=month.year, day=min(first.day, 28))
                item.change(day, unit_amount=(item.last.unit_amount * Decimal("1.08")).quantize(Decimal(1), "ROUND_UP"))

    def _grow(self, month: date) -> None:
        day, rng, owned = month + timedelta(days=self.rng.randrange(27)), self.rng, self._owned()
        factor = {"smb": 0.5, "mid_market": 1.0, "enterprise": 1.4}[self.account.size_on(month)]
        if self.live[0].first.product_id == "workspace-team" and rng.random() < 0.012 * factor * self.busy:
            self._replace(self.live[0], "workspace-enterprise", day)
        if "automation" not in owned and rng.random() < 0.03 * factor:
            self.sell_automation(day)
        if "insights" not in owned and day >= self.succession and rng.random() < 0.03 * factor:
            self.sell("insights-pro", day, self._some_seats())
        if "assistant" not in owned and day >= self.assistant_on and rng.random() < 0.09 * factor:
            self.sell("assistant-seat", day, self._some_seats())

    def _migrate(self, month: date) -> None:
        """Reports Classic is retired: its customers move to Insights Pro within three months of the succession.
        Half of the contracts name the item they replace, half leave it to ``product_succession``."""
        old = next((item for item in self.live if item.first.product_id == "reports-classic"), None)
        if old is None or month < self.succession:
            return
        if self.rng.random() < 0.5 or month >= add_months(self.succession, 2):
            day = month + timedelta(days=self.rng.randrange(1, 27))
            self._replace(old, "insights-pro", day, names_it=self.rng.random() < 0.5)
            self.book.tell("migration", self.account.account_id, day, product="reports-classic", to="insights-pro")

    def _replace(self, old: Item, product: str, day: date, names_it: bool = True) -> None:
        """Swap an item for another product. A named item may stay open in the books: the newer one ends it."""
        day = max(day, old.last.effective_from + timedelta(days=1))
        self.live.remove(old)
        new = self.sell(product, day, old.last.quantity, replaces=old if names_it else None)
        self.live.remove(new)
        self.live.insert(0, new)
        if not names_it or self.rng.random() < 0.5:
            old.end(day, "replaced")

    def sign_ahead(self) -> None:
        """A few deals are signed but not live when the history ends; some will replace what is there."""
        if not self.live or self.rng.random() > 0.06 * self.busy or any(not item.is_open for item in self.live):
            return
        day = add_months(month_of(self.spec.last_day), 1) + timedelta(days=self.rng.randint(0, 40))
        if self.live[0].first.product_id == "workspace-team":
            item = self.sell("workspace-enterprise", day, self.live[0].last.quantity, replaces=self.live[0])
        elif "assistant" not in self._owned():
            item = self.sell("assistant-seat", day, self._some_seats())
        else:
            return
        item.first.status = "future"
        item.first.signed_date = self.spec.last_day - timedelta(days=self.rng.randint(0, 20))
        item.first.recorded_at = item.first.signed_date
        self.book.tell("signed_not_live", self.account.account_id, day)
