"""``finance.sources``: where a table of the finance contract comes from when it is not a file. Settings only: nothing
here knows how to ask, and no secret may stand here; ``url_key`` names a key of ``.env``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PATH = re.compile(r"[^.\s$][^.$]*(\.[^.\s$][^.$]*)*")


def _key_name(name: str) -> str:
    if not _KEY_NAME.fullmatch(name):
        # Somebody may have written the URL itself here: it is not repeated.
        raise ValueError(
            "not the name of a key in .env (capital letters, digits, _): a URL or password never stands here"
        )
    return name


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text: give a value or remove the key")
    return text


def _field_name(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("not the API name of a field (letters, digits, _), e.g. Industry or Segment__c")
    return name


def _place(text: str) -> str:
    kind, dot, key = text.partition(".")
    if text not in ("id", "name") and not (kind == "metadata" and dot and key):
        raise ValueError("write id, name, or metadata.KEY with the key that holds it")
    return text


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("not a path of field names with dots between them (billing.amount)")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not an IANA time zone (UTC, Europe/Berlin)") from None
    return name


def _dict(value: Any) -> Any:
    return {} if value is None else value


KeyName = Annotated[str, AfterValidator(_key_name)]
Filled = Annotated[str, AfterValidator(_filled)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Place = Annotated[str, AfterValidator(_place)]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FileSource(_Source):
    """A CSV or Parquet file in the finance folder."""

    kind: Literal["file"] = "file"


class SqlSource(_Source):
    """The rows of a query. ``url_key``: key in ``.env`` whose value is a SQLAlchemy URL."""

    kind: Literal["sql"]
    query: Filled
    url_key: KeyName = "FINANCE_DATABASE_URL"


class MongoSource(_Source):
    """The documents of a collection. ``fields``: contract column → path in the document; ``filter``: as MongoDB's find
    takes it; ``dates_in``: zone in which an instant becomes a date (default: the company's)."""

    kind: Literal["mongodb"]
    database: Filled
    collection: Filled
    fields: dict[str, Annotated[str, AfterValidator(_path)]] = Field(min_length=1)
    filter: Annotated[dict[str, Any], BeforeValidator(_dict)] = {}
    dates_in: Annotated[str, AfterValidator(_zone)] | None = None
    url_key: KeyName = "MONGODB_URL"


class StripeSource(_Source):
    """Stripe's REST API. ``account_id``: what of a customer is the account's id; ``product_line``: what of a product
    names its product line. Both ``id``, ``name`` or ``metadata.KEY``."""

    kind: Literal["stripe"]
    account_id: Place = "id"
    product_line: Place = "metadata.product_line"
    url_key: KeyName = "STRIPE_API_KEY"


class SalesforceSource(_Source):
    """Salesforce's REST API. ``account_id``: the field of Account that is the account's id; ``dimensions``: segment
    dimension → field of Account (needed for account_segments); ``is_internal_test``: a checkbox of Account."""

    kind: Literal["salesforce"]
    account_id: FieldName = "Id"
    dimensions: dict[Filled, FieldName] = {}
    is_internal_test: FieldName | None = None
    url_key: KeyName = "SALESFORCE_INSTANCE_URL"


Source = Annotated[
    FileSource | SqlSource | MongoSource | StripeSource | SalesforceSource,
    Field(discriminator="kind"),
]


def _named(value: Any) -> Any:
    """``accounts: stripe`` is short for ``accounts: {kind: stripe}``."""
    if not isinstance(value, dict):
        return value
    return {table: {"kind": source} if isinstance(source, str) else source for table, source in value.items()}


Sources = Annotated[dict[str, Source], BeforeValidator(_named)]


class SignedDates(_Source):
    """When items were signed: the close date of won Salesforce opportunities. ``field``: the field of Opportunity that
    holds what is in the column ``matches`` of subscription_items."""

    kind: Literal["salesforce"] = "salesforce"
    field: FieldName
    matches: Literal["item_id", "subscription_id", "account_id"] = "subscription_id"
    url_key: KeyName = "SALESFORCE_INSTANCE_URL"
