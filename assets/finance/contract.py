"""The finance contract: every table a company may hand over, as data (see docs for the prose)."""

from __future__ import annotations

from assets.company.typed_table import Column, Kind, Table

VERSION = 1  # raise it when a rule or column changes what an unchanged file would become


def _must(name: str, kind: Kind = "text", values: tuple[str, ...] = ()) -> Column:
    return Column(name, kind, required=True, values=values)


ACCOUNTS = Table(
    "accounts",
    (
        _must("account_id"),
        _must("account_name"),
        Column("parent_account_id"),
        Column("crm_id"),
        Column("billing_country"),
        Column("created_date", "date"),
        Column("is_internal_test", "boolean", default="false"),
    ),
    key=("account_id",),
    about="One row per account. The only table that is always required.",
)
SUBSCRIPTION_ITEMS = Table(
    "subscription_items",
    (
        _must("item_id"),
        Column("version_no", "integer", default="1"),
        _must("subscription_id"),
        _must("account_id"),
        _must("product_id"),
        _must("status", "enum", values=("trialing", "active", "past_due", "unpaid", "paused", "canceled", "future")),
        _must("effective_from", "date"),
        Column("effective_to", "date"),
        Column("service_end_date", "date"),
        Column("term_start", "date"),
        Column("term_end", "date"),
        Column("signed_date", "date"),
        Column("cancel_requested_at", "date"),
        Column("end_reason"),
        Column("replaces_item_id"),
        _must("currency", "currency"),
        _must("quantity", "quantity"),
        _must("unit_amount", "money"),
        _must("interval", "enum", values=("day", "week", "month", "year", "term")),
        Column("interval_count", "integer", default="1"),
        Column("pricing_model", "enum", default="'licensed'", values=("licensed", "metered", "committed_usage")),
        Column("committed_amount", "money"),
        Column("recorded_at", "date"),
    ),
    key=("item_id", "version_no"),
    about="One row per subscription item per version of its terms; [effective_from, effective_to), empty = open.",
)
ACCOUNT_SEGMENTS = Table(
    "account_segments",
    (
        _must("account_id"),
        _must("dimension"),
        _must("value"),
        _must("valid_from", "date"),
        Column("valid_to", "date"),
        Column("assigned_by"),
    ),
    key=("account_id", "dimension", "valid_from"),
    about="Which segment an account is in, per dimension and interval [valid_from, valid_to); no overlaps.",
)
PRODUCTS = Table(
    "products",
    (
        _must("product_id"),
        _must("product_name"),
        _must("product_line"),
        Column("product_family"),
        Column("is_recurring", "boolean", default="true"),
        Column("valid_from", "date"),
        Column("valid_to", "date"),
    ),
    key=("product_id",),
    about="One row per product, with the product line it counts for.",
)
PRODUCT_SUCCESSION = Table(
    "product_succession",
    (_must("from_product_id"), _must("to_product_id"), _must("effective_date", "date")),
    key=("from_product_id", "to_product_id", "effective_date"),
    about="Which product takes over from which: a move along it is a migration, not churn.",
)
BUNDLE_ALLOCATION = Table(
    "bundle_allocation",
    (_must("bundle_product_id"), _must("product_line"), _must("share", "share"), _must("valid_from", "date")),
    key=("bundle_product_id", "valid_from", "product_line"),
    about="How a bundle's money is split over product lines; shares of one bundle and date sum to 1.",
)
DISCOUNTS = Table(
    "discounts",
    (
        _must("discount_id"),
        Column("item_id"),
        Column("subscription_id"),
        _must("kind", "enum", values=("percent", "amount")),
        _must("value", "money"),
        _must("duration", "enum", values=("once", "repeating", "forever")),
        _must("starts_on", "date"),
        Column("ends_on", "date"),
        Column("currency", "currency"),
    ),
    key=("discount_id", "item_id", "subscription_id", "starts_on"),
    about="Discounts on an item or a whole subscription, [starts_on, ends_on); percent is 0-100.",
)
INVOICE_LINES = Table(
    "invoice_lines",
    (
        _must("invoice_id"),
        _must("line_id"),
        _must("account_id"),
        Column("item_id"),
        Column("product_id"),
        _must("invoice_date", "date"),
        Column("service_start", "date"),
        Column("service_end", "date"),
        _must("amount", "money"),
        Column("tax_amount", "money"),
        _must("currency", "currency"),
        Column("is_proration", "boolean"),
        Column("is_recurring", "boolean"),
        _must("line_type", "enum", values=("charge", "credit", "refund", "tax", "usage")),
        _must("invoice_status"),
    ),
    key=("invoice_id", "line_id"),
    about="Billing's own lines: what ARR is reconciled to, never what it is computed from.",
)
GL_REVENUE = Table(
    "gl_revenue",
    (
        _must("period_month", "month"),
        _must("gl_account"),
        _must(
            "revenue_class",
            "enum",
            values=("recurring", "usage", "services", "other", "cogs", "s_and_m", "r_and_d", "g_and_a"),
        ),
        Column("product_line"),
        Column("segment"),
        _must("amount", "money"),
        _must("currency", "currency"),
        Column("entity"),
        Column("is_closed", "boolean"),
    ),
    about="The general ledger by month and account; rows add up.",
)
FX_RATES = Table(
    "fx_rates",
    (
        _must("rate_date", "date"),
        _must("from_currency", "currency"),
        _must("to_currency", "currency"),
        _must("rate", "rate"),
        _must("rate_type", "enum", values=("month_end", "average", "plan")),
    ),
    key=("rate_date", "from_currency", "to_currency", "rate_type"),
    about="Exchange rates into the reporting currency: 1 from_currency = rate to_currency.",
)
IDENTITY_MAP = Table(
    "identity_map",
    (
        _must("account_id"),
        _must("amplitude_value"),
        Column("valid_from", "date"),
        Column("valid_to", "date"),
        Column("method"),
    ),
    about="Which Amplitude value (group, organisation id, user property) is which account, [valid_from, valid_to).",
)
ENTITLEMENTS = Table(
    "entitlements",
    (
        _must("account_id"),
        Column("product_line"),
        Column("feature_key"),
        Column("seats", "integer"),
        _must("valid_from", "date"),
        Column("valid_to", "date"),
    ),
    about="What an account may use, by product line or by feature, [valid_from, valid_to).",
)
CONTROL_TOTALS = Table(
    "control_totals",
    (
        _must("month", "month"),
        _must("metric", "enum", values=("arr", "mrr", "recurring_revenue", "paying_accounts")),
        _must("value", "money"),
        Column("product_line"),
        Column("segment"),
    ),
    key=("month", "metric", "product_line", "segment"),
    about="What the CFO has already reported: the marts must agree with it.",
)
ARR_MONTH = Table(
    "arr_month",
    (
        _must("month", "month"),
        _must("account_id"),
        _must("product_line"),
        _must("currency", "currency"),
        _must("arr", "money"),
    ),
    key=("month", "account_id", "product_line", "currency"),
    about="Minimum mode: ARR at month end per account and product line, in place of items, products and discounts.",
)

# Order of validation: a table comes after the tables that it points to.
TABLES: tuple[Table, ...] = (
    ACCOUNTS,
    PRODUCTS,
    FX_RATES,
    SUBSCRIPTION_ITEMS,
    DISCOUNTS,
    ACCOUNT_SEGMENTS,
    PRODUCT_SUCCESSION,
    BUNDLE_ALLOCATION,
    INVOICE_LINES,
    GL_REVENUE,
    IDENTITY_MAP,
    ENTITLEMENTS,
    CONTROL_TOTALS,
    ARR_MONTH,
)
BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
