"""``stripe``: what is asked of Stripe's REST API, and what of the answer is kept.

The version is pinned, so that an upgrade of the account changes nothing here: billing periods stand on the subscription
item, invoice lines have ``parent`` and ``pricing`` (both since 2025-03-31.basil), discounts have ``source`` (since
2025-09-30.clover). Of every object only the declared fields are kept: no e-mail address, phone number, card or street.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from assets.company.finance_sources import StripeSource
from assets.errors import InputError
from assets.finance.connectors.extra import needs_extra
from assets.finance.connectors.http import Api, Patience, prepare
from assets.finance.connectors.loads import Writer, newest
from assets.finance.connectors.shapes import Shape
from assets.home import Home

if TYPE_CHECKING:
    from requests import PreparedRequest

BASE_URL = "https://api.stripe.com/v1/"
VERSION = "2025-09-30.clover"
TABLES = ("accounts", "products", "subscription_items", "discounts", "invoice_lines")
_PAGE = 100
_DOCS = "https://docs.stripe.com/api"

# table → objects that its mapping reads
_OBJECTS = {
    "accounts": ("customers",),
    "products": ("products",),
    "subscription_items": ("customers", "subscriptions"),
    "discounts": ("customers", "subscriptions", "coupons"),
    "invoice_lines": ("customers", "prices", "invoices"),
}
_PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "customers": ("customers", {}),
    "products": ("products", {}),
    "prices": ("prices", {}),
    "coupons": ("coupons", {"expand[]": ["data.applies_to"]}),
    # Without a status Stripe leaves canceled subscriptions out. Four levels is as deep as expand goes.
    "subscriptions": (
        "subscriptions",
        {"status": "all", "expand[]": ["data.discounts", "data.items.data.discounts"]},
    ),
    "invoices": ("invoices", {}),
}

_RECURRING = {
    "recurring": "object?",
    "recurring.interval": "text=day|week|month|year",
    "recurring.interval_count": "number",
    "recurring.usage_type": "text=licensed|metered",
}
_PRICE = {
    "id": "text",
    "product": "text",
    "currency": "text",
    "billing_scheme": "text=per_unit|tiered",
    "unit_amount_decimal": "text?",
    "transform_quantity": "object?",
} | _RECURRING
_DISCOUNT = {
    "id": "text",
    "start": "number",
    "end": "number?",
    "source": "object",
    "source.coupon": "text?",
}


def _below(path: str, fields: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": kind for name, kind in fields.items()}


_ITEM = (
    {
        "id": "text",
        "created": "number",
        "quantity": "number?",
        "current_period_start": "number",
        "current_period_end": "number",
        "price": "object",
        "discounts[]": "list",
    }
    | _below("price", _PRICE)
    | _below("discounts[]", _DISCOUNT)
)
_LINE_DETAILS = {
    "subscription_item_details": "object?",
    "subscription_item_details.subscription_item": "text?",
    "subscription_item_details.proration": "boolean",
    "invoice_item_details": "object?",
    "invoice_item_details.proration": "boolean",
}
_LINE = {
    "id": "text",
    "amount": "number",
    "currency": "text",
    "period": "object",
    "period.start": "number",
    "period.end": "number",
    "discount_amounts[]": "list?",
    "discount_amounts[].amount": "number",
    "taxes[]": "list?",
    "taxes[].amount": "number",
    "taxes[].tax_behavior": "text=exclusive|inclusive",
    "pricing": "object?",
    "pricing.price_details": "object?",
    "pricing.price_details.price": "text?",
    "pricing.price_details.product": "text?",
    "parent": "object?",
} | _below("parent", _LINE_DETAILS)

SHAPES = {
    "customers": Shape(
        "Stripe",
        "customer",
        {
            "id": "text",
            "name": "text?",
            "created": "number",
            "address": "object?",
            "address.country": "text?",
            "metadata": "texts?",
            "discount": "object?",
        }
        | _below("discount", _DISCOUNT),
        f"{_DOCS}/customers/object",
    ),
    "products": Shape(
        "Stripe", "product", {"id": "text", "name": "text", "metadata": "texts?"}, f"{_DOCS}/products/object"
    ),
    "prices": Shape("Stripe", "price", {"id": "text", "product": "text"} | _RECURRING, f"{_DOCS}/prices/object"),
    "coupons": Shape(
        "Stripe",
        "coupon",
        {
            "id": "text",
            "percent_off": "number?",
            "amount_off": "number?",
            "currency": "text?",
            "duration": "text=forever|once|repeating",
            "applies_to": "object?",
        },
        f"{_DOCS}/coupons/object",
    ),
    "subscriptions": Shape(
        "Stripe",
        "subscription",
        {
            "id": "text",
            "customer": "text",
            "status": "text=incomplete|incomplete_expired|trialing|active|past_due|canceled|unpaid|paused",
            "created": "number",
            "start_date": "number",
            "trial_start": "number?",
            "trial_end": "number?",
            "cancel_at": "number?",
            "cancel_at_period_end": "boolean",
            "canceled_at": "number?",
            "ended_at": "number?",
            "cancellation_details": "object?",
            "cancellation_details.reason": "text?",
            "pause_collection": "object?",
            "discounts[]": "list",
            "items": "object",
            "items.data[]": "list",
        }
        | _below("discounts[]", _DISCOUNT)
        | _below("items.data[]", _ITEM),
        f"{_DOCS}/subscriptions/object",
    ),
    "items": Shape("Stripe", "subscription item", _ITEM, f"{_DOCS}/subscription_items/object"),
    "lines": Shape("Stripe", "invoice line item", _LINE, f"{_DOCS}/invoice-line-item/object"),
    "invoices": Shape(
        "Stripe",
        "invoice",
        {
            "id": "text",
            "customer": "text?",
            "status": "text?",
            "created": "number",
            "effective_at": "number?",
            "lines": "object",
            "lines.data[]": "list",
        }
        | _below("lines.data[]", _LINE),
        f"{_DOCS}/invoices/object",
    ),
}


def extract(
    writer: Writer, home: Home, sources: Mapping[str, StripeSource], key: str, patience: Patience | None = None
) -> None:
    """Land the objects that the tables are mapped from. Raises InputError for what Stripe refuses or has changed."""
    api = _api(home, key, patience)
    places = {place for source in sources.values() for place in (source.account_id, source.product_line)}
    labels = {place.removeprefix("metadata.") for place in places if place.startswith("metadata.")} | {"product_family"}
    for name in sorted({name for table in sources for name in _OBJECTS[table]}):
        writer.put_answers(name, ((o["id"], json.dumps(o, sort_keys=True)) for o in _objects(api, name, labels)))
    _check_account(writer)


def _check_account(writer: Writer) -> None:
    """Stripe lists ended subscriptions too, so some of the former answer must be there again. None of them means
    another account or a test key, and would end every customer."""
    last = newest(writer.root)
    if last is None or not last.objects.get("subscriptions") or "subscriptions" not in writer.objects:
        return
    with duckdb.connect() as con:
        paths = [str(last.path("subscriptions")), str(writer.folder / "subscriptions.parquet")]
        shared = con.execute(
            "SELECT count(*) FROM read_parquet(?) WHERE id IN (SELECT id FROM read_parquet(?))", paths
        ).fetchall()[0][0]
    if not shared:
        raise InputError(
            f"Stripe lists none of the {last.objects['subscriptions']:,} subscriptions that it listed before",
            where="Stripe, subscriptions",
            mend="check that the key is a live key of the same account; if the account was really replaced, move "
            f"{writer.root} away, so that nothing is compared with it",
        )


def _api(home: Home, key: str, patience: Patience | None) -> Api:
    prepare(home)
    with needs_extra("stripe"):
        import dlt.sources.helpers.requests  # noqa: F401, PLC0415  # a missing extra is told before anything is asked

    def auth(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return Api(home, "Stripe", BASE_URL, auth, _explain, {"Stripe-Version": VERSION}, patience=patience)


def _objects(api: Api, name: str, labels: set[str]) -> Iterator[dict[str, Any]]:
    """The objects of a list, cut down; of metadata, where anything may stand, only the ``labels`` that are read."""
    path, params = _PATHS[name]
    for answer in _listed(api, path, params):
        cut = SHAPES[name].cut(_completed(api, name, answer))
        if "metadata" in cut:
            cut["metadata"] = {k: v for k, v in (cut["metadata"] or {}).items() if k in labels}
        yield cut


def _completed(api: Api, name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """An object whose inner list goes on beyond its first page, with the whole list."""
    for outer, inner, path, params in (
        ("subscriptions", "items", "subscription_items", {"subscription": answer.get("id")}),
        ("invoices", "lines", f"invoices/{answer.get('id')}/lines", {}),
    ):
        found = answer.get(inner)
        if name == outer and isinstance(found, dict) and found.get("has_more"):
            expand = {"expand[]": ["data.discounts"]} if inner == "items" else {}
            answer = answer | {inner: found | {"data": list(_listed(api, path, params | expand))}}
    return answer


def _listed(api: Api, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator  # noqa: PLC0415

    paginator = JSONResponseCursorPaginator("data[-1].id", "starting_after", has_more_path="has_more")
    for page in api.pages(path, {"limit": _PAGE} | params, paginator, "data"):
        yield from page


def _explain(status: int, body: Any) -> tuple[str, str] | None:
    """What Stripe's refusals mean (docs.stripe.com/api/errors). Its messages may hold parts of the key: never shown."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if status == 401:
        what = "the Stripe key has expired" if code == "api_key_expired" else "Stripe does not accept the key"
        return (
            what,
            "make a restricted key with read access in the Stripe Dashboard (Developers > API keys), write it to .env",
        )
    if status == 403:
        return "the Stripe key may not read this", (
            "give the restricted key read access to customers, products, prices, coupons, subscriptions and invoices"
        )
    return None


def check_tables(tables: Iterable[str]) -> None:
    """Raise InputError for a table that Stripe does not have."""
    for table in tables:
        if table not in TABLES:
            raise InputError(
                f"Stripe has nothing for the table {table}",
                where=f"company.yaml, key finance.sources.{table}",
                mend=f"it can be the source of: {', '.join(TABLES)}; take {table} from a file, sql or mongodb",
            )
