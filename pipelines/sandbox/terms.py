"""Contract rows of the sandbox company: subscription items by terms version, and discounts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

FAR = date(9999, 12, 31)


@dataclass
class Version:
    """One row of ``subscription_items``: the terms of one item over ``[effective_from, effective_to)``.

    ``unit_amount`` and ``committed_amount`` are in major units of ``currency``, for one ``interval``.
    """

    item_id: str
    version_no: int
    subscription_id: str
    account_id: str
    product_id: str
    status: str
    effective_from: date
    currency: str
    quantity: int
    unit_amount: Decimal
    interval: str
    interval_count: int = 1
    effective_to: date | None = None
    service_end_date: date | None = None
    term_start: date | None = None
    term_end: date | None = None
    signed_date: date | None = None
    cancel_requested_at: date | None = None
    end_reason: str = ""
    replaces_item_id: str = ""
    pricing_model: str = "licensed"
    committed_amount: Decimal | None = None
    recorded_at: date | None = None

    @property
    def end(self) -> date:
        """First day not in service by this row alone (service end under the default policy)."""
        return self.service_end_date or self.effective_to or FAR


def amended(version: Version, **terms: Any) -> Version:
    """A copy with changed terms."""
    return replace(version, **terms)


@dataclass(frozen=True)
class Discount:
    """One row of ``discounts``; exactly one of ``item_id`` and ``subscription_id`` is set."""

    discount_id: str
    item_id: str
    subscription_id: str
    kind: str
    value: Decimal
    duration: str
    starts_on: date
    ends_on: date | None
    currency: str

    def in_force(self, day: date) -> bool:
        """Whether the discount applies on a day (half-open)."""
        return self.starts_on <= day < (self.ends_on or FAR)


@dataclass
class Item:
    """All versions of one item, oldest first; versions never overlap."""

    versions: list[Version] = field(default_factory=list)

    @property
    def last(self) -> Version:
        return self.versions[-1]

    @property
    def first(self) -> Version:
        return self.versions[0]

    def change(self, day: date, **terms: Any) -> Version:
        """End the last version at ``day`` and begin the next with changed terms; same-day changes amend in place."""
        last = self.last
        if last.effective_from >= day:
            self.versions[-1] = amended(last, **terms)
        else:
            last.effective_to = day
            follower = amended(
                last, version_no=last.version_no + 1, effective_from=day, effective_to=None, recorded_at=day
            )
            self.versions.append(amended(follower, **terms))
        return self.last

    def end(self, day: date, reason: str, requested: date | None = None, service_end: date | None = None) -> None:
        """End the item; ``requested`` never lies before the last version's start."""
        last = self.last
        last.effective_to, last.end_reason, last.service_end_date = day, reason, service_end
        last.cancel_requested_at = max(requested, last.effective_from) if requested else None

    @property
    def is_open(self) -> bool:
        return self.last.effective_to is None


@dataclass
class Book:
    """Every contract row in the order it was written, and the ``story``: what happened to whom, for the truth."""

    items: list[Item] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    story: list[dict[str, str]] = field(default_factory=list)

    def tell(self, what: str, account_id: str, day: date, **more: object) -> None:
        """Note something that happened, for the truth file."""
        self.story.append(
            {
                "what": what,
                "account_id": account_id,
                "on": day.isoformat(),
                **{key: str(value) for key, value in more.items()},
            }
        )

    def versions(self) -> list[Version]:
        """All rows of ``subscription_items``, by item and version."""
        return [version for item in self.items for version in item.versions]
