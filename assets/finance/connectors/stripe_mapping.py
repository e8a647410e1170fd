"""Stripe's objects → rows of the contract. Pure: everything comes from the kept answers and company.yaml.

Read together with docs/company-folder.md, which says the same in prose. Instants become dates on the company's clock.
Amounts are in minor units at Stripe (docs.stripe.com/currencies) and become major units, exactly. What the contract
cannot say (tiers, packages, …) is set aside with a reason, never approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from assets.company.finance_sources import StripeSource
from assets.finance.connectors.loads import Load
from assets.finance.connectors.mapped import Row
from assets.finance.connectors.stripe_terms import History

# Currencies without minor units, and with a thousand of them; all others have a hundred (ISK too, for compatibility).
_ZERO_DECIMALS = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
_THREE_DECIMALS = {"BHD", "JOD", "KWD", "OMR", "TND"}
# Stripe's documentation lists it as zero-decimal and asks for two decimals at the same time.
_UNCLEAR = {"UGX"}
_END_REASONS = {
    "cancellation_requested": "voluntary",
    "payment_failed": "involuntary",
    "payment_disputed": "involuntary",
}
_STATUSES = {
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "active",  # until it ended, which is what the version's end says
    "incomplete": "unpaid",  # the first payment has not been made
    "incomplete_expired": "canceled",  # and never will be
}


class Unsayable(ValueError):
    """Why the contract cannot say something."""


def local_day(instant: int | float | None, zone: ZoneInfo) -> date | None:
    """Seconds since 1970 → the date on the company's clock."""
    return None if instant is None else datetime.fromtimestamp(instant, UTC).astimezone(zone).date()


def major(minor: str | int, currency: str) -> Decimal:
    """Minor units → major units. Raises Unsayable for a currency whose unit is unclear, and beyond 4 decimals."""
    code = currency.upper()
    if code in _UNCLEAR:
        raise Unsayable(f"Stripe documents two different minor units for {code}")
    exponent = 0 if code in _ZERO_DECIMALS else 3 if code in _THREE_DECIMALS else 2
    amount = Decimal(str(minor)).scaleb(-exponent)
    if amount != round(amount, 4):
        raise Unsayable(f"the amount {amount:f} {code} has more than 4 decimals")
    return amount


def _pick(answer: Mapping[str, Any], place: str) -> str | None:
    """``id``, ``name`` or ``metadata.KEY`` of an object; None when it is not there or empty."""
    kind, _, key = place.partition(".")
    value = (answer.get("metadata") or {}).get(key) if kind == "metadata" else answer.get(kind)
    return str(value) if value else None


def _account_ids(load: Load, source: StripeSource) -> dict[str, str | None]:
    return {customer["id"]: _pick(customer, source.account_id) for customer in load.answers("customers")}


def accounts(load: Load, source: StripeSource, zone: ZoneInfo, _: History) -> Iterator[Row]:
    """One per customer. A customer without a name goes by its id: an e-mail address is nothing for a mart."""
    for customer in load.answers("customers"):
        cells = {
            "account_id": _pick(customer, source.account_id),
            "account_name": customer["name"] or customer["id"],
            "crm_id": customer["id"],
            "billing_country": (customer["address"] or {}).get("country"),
            "created_date": _iso(local_day(customer["created"], zone)),
        }
        yield Row(cells, ref=customer["id"])


def products(load: Load, source: StripeSource, zone: ZoneInfo, _: History) -> Iterator[Row]:
    """One per product. Where it has no product line, the contract's own rule for a missing value says so."""
    for product in load.answers("products"):
        cells = {
            "product_id": product["id"],
            "product_name": product["name"],
            "product_line": _pick(product, source.product_line),
            "product_family": _pick(product, "metadata.product_family"),
        }
        yield Row(cells, ref=product["id"])


def states(load: Load, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """What Stripe says of every subscription item now: terms, since when, until when. Input of the history."""
    for subscription in load.answers("subscriptions"):
        begins, created = local_day(subscription["start_date"], zone), subscription["created"]
        for item in subscription["items"]["data"]:
            # An item of the first day starts with the (perhaps backdated) subscription, a later one when it was added.
            added = local_day(item["created"], zone)
            start = added if item["created"] > created + 86_400 else begins
            yield {
                "item_id": item["id"],
                "from": _iso(start),
                "trial_end": _iso(local_day(subscription["trial_end"], zone)),
                "is_canceled": subscription["status"] == "canceled",
                "terms": _terms(subscription, item),
                "end": _end(subscription, item, zone),
            }


def _terms(subscription: Any, item: Any) -> dict[str, Any]:
    """What makes a version: a change of any of these begins the next one."""
    price, recurring = item["price"], item["price"]["recurring"] or {}
    status = _STATUSES[subscription["status"]]
    if subscription["pause_collection"] is not None and subscription["status"] in ("active", "past_due"):
        status = "paused"
    is_metered = recurring.get("usage_type") == "metered"
    terms = {
        "subscription_id": subscription["id"],
        "customer": subscription["customer"],
        "product_id": price["product"],
        "status": status,
        "currency": price["currency"].upper(),
        # What is metered is billed in arrears: it is no contracted amount, so quantity and tiers do not matter.
        "quantity": str(item["quantity"] or 0) if is_metered else _text(item["quantity"]),
        "unit_amount": None,
        "interval": recurring.get("interval"),
        "interval_count": _text(recurring.get("interval_count")),
        "pricing_model": "metered" if is_metered else "licensed",
        "problem": None,
    }
    try:
        terms["unit_amount"] = f"{_unit_amount(price, is_metered):f}"
    except Unsayable as problem:
        terms["problem"] = f"price {price['id']} of item {item['id']}: {problem}"
    return terms


def _unit_amount(price: Any, is_metered: bool) -> Decimal:
    if not price["recurring"]:
        raise Unsayable("a price that does not recur in a subscription")
    if is_metered:
        return Decimal(0)
    if price["billing_scheme"] == "tiered":
        raise Unsayable("tiered prices have no single unit amount")
    if price["transform_quantity"] is not None:
        raise Unsayable("the quantity is billed in packages (transform_quantity)")
    if price["unit_amount_decimal"] is None:
        raise Unsayable("it has no unit amount")
    return major(price["unit_amount_decimal"], price["currency"])


def _end(subscription: Any, item: Any, zone: ZoneInfo) -> dict[str, str | None]:
    """How the item ends, as far as Stripe knows: it has ended, or will on a date that is set."""
    ends = subscription["ended_at"] or subscription["cancel_at"]
    if ends is None and subscription["cancel_at_period_end"]:
        ends = item["current_period_end"]
    if ends is None:
        return {"effective_to": None, "cancel_requested_at": None, "end_reason": None}
    reason = (subscription["cancellation_details"] or {}).get("reason")
    return {
        "effective_to": _iso(local_day(ends, zone)),
        "cancel_requested_at": _iso(local_day(subscription["canceled_at"], zone)),
        "end_reason": _END_REASONS.get(reason, reason) if reason else None,
    }


def subscription_items(load: Load, source: StripeSource, zone: ZoneInfo, history: History) -> Iterator[Row]:
    """Every version that this and former answers tell of (``stripe_terms``)."""
    ids = _account_ids(load, source)
    for item_id, versions in history.items():
        for number, version in enumerate(versions, start=1):
            cells = {k: v for k, v in version.items() if k not in ("customer", "problem", "from")}
            cells |= {
                "item_id": item_id,
                "version_no": str(number),
                "effective_from": version["from"],
                "account_id": ids.get(version["customer"], version["customer"]),
            }
            yield Row(cells, version["problem"], f"{item_id} version {number}")


def seen_discounts(load: Load, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Every discount that is listed now, with its coupon's terms and what it is on. Input of the history."""
    coupons = {coupon["id"]: coupon for coupon in load.answers("coupons")}
    of_customers = {c["id"]: c["discount"] for c in load.answers("customers") if c["discount"]}
    for subscription in load.answers("subscriptions"):
        own = subscription["discounts"]
        # A discount of the customer counts for subscriptions that have none of their own.
        inherited = [of_customers[subscription["customer"]]] if subscription["customer"] in of_customers else []
        for discount in own or inherited:
            yield _discount(discount, coupons, zone, {"subscription_id": subscription["id"]})
        for item in subscription["items"]["data"]:
            for discount in item["discounts"]:
                yield _discount(discount, coupons, zone, {"item_id": item["id"]})


def _discount(discount: Any, coupons: dict[str, Any], zone: ZoneInfo, on: dict[str, str]) -> dict[str, Any]:
    coupon_id = discount["source"]["coupon"]
    coupon = coupons.get(coupon_id)
    cells: dict[str, Any] = {
        "discount_id": discount["id"],
        **on,
        "starts_on": _iso(local_day(discount["start"], zone)),
        "ends_on": _iso(local_day(discount["end"], zone)),
        "problem": None,
    }
    if coupon is None:
        return cells | {"problem": f"discount {discount['id']}: its coupon {coupon_id} is not listed any more"}
    cells |= {"duration": coupon["duration"]}
    try:
        return cells | _worth(coupon)
    except Unsayable as problem:
        return cells | {"problem": f"discount {discount['id']}, coupon {coupon_id}: {problem}"}


def _worth(coupon: Any) -> dict[str, Any]:
    if coupon["applies_to"] is not None:
        raise Unsayable("it applies to some products only")
    if coupon["percent_off"] is not None:
        return {"kind": "percent", "value": f"{Decimal(str(coupon['percent_off'])):f}"}
    if coupon["amount_off"] is None or coupon["currency"] is None:
        raise Unsayable("neither a percentage nor an amount with its currency")
    amount = major(coupon["amount_off"], coupon["currency"])
    return {"kind": "amount", "value": f"{amount:f}", "currency": coupon["currency"].upper()}


def discounts(load: Load, source: StripeSource, zone: ZoneInfo, history: History) -> Iterator[Row]:
    """Every discount that this and former answers tell of."""
    for cells in history.discounts():
        yield Row({k: v for k, v in cells.items() if k != "problem"}, cells["problem"], cells["discount_id"])


def invoice_lines(load: Load, source: StripeSource, zone: ZoneInfo, _: History) -> Iterator[Row]:
    """One per invoice line; amounts after discounts and without tax."""
    ids = _account_ids(load, source)
    metered = {p["id"] for p in load.answers("prices") if (p["recurring"] or {}).get("usage_type") == "metered"}
    for invoice in load.answers("invoices"):
        on = _iso(local_day(invoice["effective_at"] or invoice["created"], zone))
        for line in invoice["lines"]["data"]:
            details = line["parent"] or {}
            of_item, priced = (
                details.get("subscription_item_details"),
                (line["pricing"] or {}).get("price_details") or {},
            )
            is_usage = priced.get("price") in metered
            cells: dict[str, str | None] = {
                "invoice_id": invoice["id"],
                "line_id": line["id"],
                "account_id": ids.get(invoice["customer"], invoice["customer"]),
                "item_id": (of_item or {}).get("subscription_item"),
                "product_id": priced.get("product"),
                "invoice_date": on,
                "service_start": _iso(local_day(line["period"]["start"], zone)),
                "service_end": _iso(local_day(line["period"]["end"], zone)),
                "currency": line["currency"].upper(),
                "is_proration": _bool((of_item or details.get("invoice_item_details") or {}).get("proration", False)),
                "is_recurring": _bool(of_item is not None and not is_usage),
                "line_type": "usage" if is_usage else "credit" if line["amount"] < 0 else "charge",
                "invoice_status": invoice["status"],
            }
            try:
                yield Row(cells | _amounts(line), ref=line["id"])
            except Unsayable as problem:
                yield Row(cells, f"line {line['id']}: {problem}", line["id"])


def _amounts(line: Any) -> dict[str, str | None]:
    taxes, off = line["taxes"] or [], line["discount_amounts"] or []
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    net = line["amount"] - inclusive - sum(part["amount"] for part in off)
    tax = sum(tax["amount"] for tax in taxes)
    return {
        "amount": f"{major(net, line['currency']):f}",
        "tax_amount": f"{major(tax, line['currency']):f}",
    }


MAPPINGS: dict[str, Callable[[Load, StripeSource, ZoneInfo, History], Iterator[Row]]] = {
    "accounts": accounts,
    "products": products,
    "subscription_items": subscription_items,
    "discounts": discounts,
    "invoice_lines": invoice_lines,
}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _bool(value: bool) -> str:
    return "true" if value else "false"
