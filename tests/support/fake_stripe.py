"""A stand-in for Stripe's API, version 2025-09-30.clover, in the shapes that docs.stripe.com/api documents.

Lists and cursors: /pagination · expanding: /expanding_objects · refusals: /errors and docs.stripe.com/rate-limits ·
each object: the page named at its maker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from support.rest_server import Asked, Reply

KEY = "rk_test_51NotARealKeyButLongEnough"


def at(text: str) -> int:
    """``2024-03-31`` or ``2024-03-31T23:30`` in UTC, as Stripe writes instants."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def customer(id: str, name: str | None = "Acme", **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/customers/object"""
    return {
        "id": id, "object": "customer", "name": name, "email": f"{id}@example.com", "phone": "+1 555 0100",
        "created": at("2024-01-02"), "livemode": False, "metadata": {}, "discount": None,
        "address": {"city": "Bonn", "country": "DE", "line1": "Street 1", "postal_code": "1", "state": None},
    } | more  # fmt: skip


def product(id: str = "prod_1", line: str | None = "Analytics", **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/products/object"""
    metadata = {"product_line": line} if line else {}
    return {"id": id, "object": "product", "name": id.title(), "active": True, "metadata": metadata} | more


def price(id: str = "price_1", amount: str | None = "2000", **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/prices/object"""
    recurring = {"interval": "month", "interval_count": 1, "meter": None, "usage_type": "licensed"}
    recurring |= more.pop("recurring", {})
    return {
        "id": id, "object": "price", "active": True, "billing_scheme": "per_unit", "currency": "usd",
        "product": "prod_1", "type": "recurring", "recurring": recurring, "transform_quantity": None,
        "unit_amount": int(amount) if amount and amount.isdigit() else None, "unit_amount_decimal": amount,
    } | more  # fmt: skip


def item(id: str, priced: dict[str, Any] | None = None, quantity: int | None = 1, **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/subscription_items/object"""
    return {
        "id": id, "object": "subscription_item", "created": at("2024-01-15"), "quantity": quantity, "discounts": [],
        "price": priced or price(), "metadata": {}, "tax_rates": [],
        "current_period_start": at("2024-05-15"), "current_period_end": at("2024-06-15"),
    } | more  # fmt: skip


def subscription(id: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/subscriptions/object"""
    listed = {
        "object": "list",
        "data": list(items),
        "has_more": False,
        "url": f"/v1/subscription_items?subscription={id}",
    }
    return {
        "id": id, "object": "subscription", "customer": "cus_1", "status": "active", "created": at("2024-01-15"),
        "start_date": at("2024-01-15"), "items": listed, "discounts": [], "pause_collection": None,
        "trial_start": None, "trial_end": None, "cancel_at": None, "cancel_at_period_end": False, "canceled_at": None,
        "ended_at": None, "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    } | more  # fmt: skip


def coupon(id: str, **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/coupons/object"""
    return {
        "id": id, "object": "coupon", "amount_off": None, "percent_off": None, "currency": None, "duration": "forever",
        "duration_in_months": None, "valid": True,
    } | more  # fmt: skip


def discount(id: str, of: str, **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/discounts/object, with the source of 2025-09-30.clover"""
    return {
        "id": id, "object": "discount", "start": at("2024-02-01"), "end": None,
        "source": {"type": "coupon", "coupon": of},
    } | more  # fmt: skip


def line(id: str, amount: int, **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/invoice-line-item/object, with parent and pricing of 2025-03-31.basil"""
    details = {"subscription": "sub_1", "subscription_item": "si_1", "proration": more.pop("proration", False)}
    parent = {"type": "subscription_item_details", "subscription_item_details": details, "invoice_item_details": None}
    priced = {"price": more.pop("price", "price_1"), "product": "prod_1"}
    return {
        "id": id, "object": "line_item", "amount": amount, "currency": "usd", "discount_amounts": [], "taxes": [],
        "period": {"start": at("2024-05-15"), "end": at("2024-06-15")}, "parent": parent,
        "pricing": {"type": "price_details", "price_details": priced, "unit_amount_decimal": None},
    } | more  # fmt: skip


def invoice(id: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """docs.stripe.com/api/invoices/object"""
    listed = {"object": "list", "data": list(lines), "has_more": False, "url": f"/v1/invoices/{id}/lines"}
    return {
        "id": id, "object": "invoice", "customer": "cus_1", "customer_email": "a@example.com", "status": "paid",
        "created": at("2024-05-15T10:00"), "effective_at": at("2024-05-15T11:00"), "lines": listed,
        "hosted_invoice_url": "https://invoice.stripe.com/i/secret",
    } | more  # fmt: skip


@dataclass
class FakeStripe:
    """Objects by list; ``page`` caps a page; ``faults`` are answers given before anything else, oldest first."""

    customers: list[Any] = field(default_factory=lambda: [customer("cus_1")])
    products: list[Any] = field(default_factory=lambda: [product()])
    prices: list[Any] = field(default_factory=lambda: [price()])
    subscriptions: list[Any] = field(default_factory=lambda: [subscription("sub_1", item("si_1"))])
    coupons: list[Any] = field(default_factory=list)
    invoices: list[Any] = field(default_factory=list)
    more: dict[str, list[Any]] = field(default_factory=dict)
    page: int = 100
    faults: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            message = "Invalid API Key provided: rk_test_************ough"
            return 401, {}, {"error": {"type": "invalid_request_error", "message": message}}
        if self.faults:
            return self.faults.pop(0)
        path = asked.path.removeprefix("/v1/")
        found = self.more.get(path, getattr(self, path, None))
        if found is None:
            return 404, {}, {"error": {"type": "invalid_request_error", "code": "resource_missing"}}
        if path == "subscriptions" and asked.one("status") != "all":
            found = [s for s in found if s["status"] != "canceled"]
        after = asked.one("starting_after")
        begin = [o["id"] for o in found].index(after) + 1 if after else 0
        size = min(self.page, int(asked.one("limit", "10")))
        data = found[begin : begin + size]
        return 200, {}, {"object": "list", "url": asked.path, "has_more": begin + size < len(found), "data": data}


def expired() -> Reply:
    """docs.stripe.com/error-codes#api-key-expired"""
    error = {
        "type": "invalid_request_error",
        "code": "api_key_expired",
        "message": "Expired API Key provided: rk_***ough",
    }
    return 401, {}, {"error": error}


def too_many(seconds: int = 7) -> Reply:
    """docs.stripe.com/rate-limits"""
    return 429, {"Retry-After": str(seconds), "Stripe-Rate-Limited-Reason": "global-rate"}, {
        "error": {"type": "invalid_request_error", "code": "rate_limit"}
    }  # fmt: skip
