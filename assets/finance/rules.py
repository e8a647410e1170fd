"""The rules a row must keep. Rows that break one move to the temp table ``bad``; nothing is dropped silently.

Each rule is one SQL query over the typed temp tables that yields (row_no, reason, detail). Rules run in order
and see only rows that no earlier rule has taken, so a row has exactly one reason, and a row that points to a
quarantined one is itself unknown there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from assets.company.typed_table import Table
from assets.finance.contract import TABLES

# from, to, whether an empty interval (from = to) is acceptable
_INTERVALS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "products": (("valid_from", "valid_to", False),),
    "subscription_items": (
        ("effective_from", "effective_to", False),
        ("effective_from", "service_end_date", True),  # refunded in full: served for no day
        ("term_start", "term_end", False),
    ),
    "discounts": (("starts_on", "ends_on", False),),
    "account_segments": (("valid_from", "valid_to", False),),
    "invoice_lines": (("service_start", "service_end", True),),  # billing systems date one-off charges so
    "identity_map": (("valid_from", "valid_to", False),),
    "entitlements": (("valid_from", "valid_to", False),),
}
_PRODUCT_REFERENCES: dict[str, tuple[str, ...]] = {
    "subscription_items": ("product_id",),
    "product_succession": ("from_product_id", "to_product_id"),
    "bundle_allocation": ("bundle_product_id",),
    "invoice_lines": ("product_id",),
}
_NOT_NEGATIVE: dict[str, tuple[str, ...]] = {
    "subscription_items": ("quantity", "unit_amount", "committed_amount"),
    "discounts": ("value",),
    "bundle_allocation": ("share",),
    "entitlements": ("seats",),
    "arr_month": ("arr",),
}
_POSITIVE: dict[str, tuple[str, ...]] = {"subscription_items": ("interval_count",), "fx_rates": ("rate",)}
_VALUED_IN_REPORTING_CURRENCY = ("subscription_items", "arr_month", "invoice_lines", "gl_revenue")


@dataclass(frozen=True)
class Rule:
    """``query`` yields row_no, reason, detail of the rows of ``table`` that break the rule."""

    table: str
    query: str
    parameters: tuple[object, ...] = ()


def apply_rules(con: duckdb.DuckDBPyConnection, given: set[str], reporting_currency: str, features: set[str]) -> None:
    """Run every rule for the ``given`` tables (all contract tables exist, typed, in ``con``).

    Makes temp table bad(table_name, row_no, reason, detail) and deletes these rows from their tables.
    ``features`` are the feature keys of the registry.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE bad(table_name VARCHAR, row_no BIGINT, reason VARCHAR, detail VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE known_features(feature_key VARCHAR)")
    if features:
        con.execute("INSERT INTO known_features SELECT unnest(?::VARCHAR[])", [sorted(features)])
    for table in TABLES:
        if table.name not in given:
            continue
        for rule in _rules(table, given, reporting_currency):
            quarantine(con, rule)


def quarantine(con: duckdb.DuckDBPyConnection, rule: Rule) -> None:
    """Move the rows that break the rule from their table to ``bad``."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT row_no, min(reason) AS reason, min(detail) AS detail "
        f"FROM ({rule.query}) GROUP BY row_no",
        list(rule.parameters),
    )
    if con.execute("SELECT 1 FROM found LIMIT 1").fetchone() is None:
        return
    con.execute("INSERT INTO bad SELECT ?, row_no, reason, detail FROM found", [rule.table])
    con.execute(f"DELETE FROM {rule.table} WHERE row_no IN (SELECT row_no FROM found)")


def _rules(table: Table, given: set[str], reporting_currency: str) -> Iterator[Rule]:
    name = table.name
    yield from _missing(table)
    yield from _references(table, given)
    yield from _numbers(name)
    yield from _intervals(name)
    if name == "control_totals":
        yield Rule(name, _CONFLICTING_TOTALS)
    if table.key:
        yield Rule(name, _repeated_key(table))
    for query in _SPECIAL.get(name, ()):
        yield Rule(name, query)
    if name in _VALUED_IN_REPORTING_CURRENCY:
        yield Rule(
            name,
            f"SELECT row_no, 'unmapped_currency' AS reason, "
            f"'column currency: fx_rates has no rate from ' || currency || ' to ' || ? AS detail "
            f"FROM {name} WHERE currency <> ? "
            "AND currency NOT IN (SELECT from_currency FROM fx_rates WHERE to_currency = ?)",
            (reporting_currency,) * 3,
        )


def _missing(table: Table) -> Iterator[Rule]:
    empty = " OR ".join(f'"{c}" IS NULL' for c in table.required)
    names = ", ".join(f"CASE WHEN \"{c}\" IS NULL THEN '{c}' END" for c in table.required)
    keys = " OR ".join(f'"{c}" IS NULL' for c in table.required if c in table.key) or "false"
    yield Rule(
        table.name,
        f"SELECT row_no, CASE WHEN {keys} THEN 'missing_key' ELSE 'missing_value' END AS reason, "
        f"'empty: ' || concat_ws(', ', {names}) AS detail FROM {table.name} WHERE {empty}",
    )


def _references(table: Table, given: set[str]) -> Iterator[Rule]:
    name = table.name
    if name != "accounts" and "account_id" in table.names:
        yield Rule(name, _unknown(name, "account_id", "accounts", "account_id", "unknown_account"))
    if "products" in given:
        for column in _PRODUCT_REFERENCES.get(name, ()):
            yield Rule(name, _unknown(name, column, "products", "product_id", "unknown_product"))
    if name == "entitlements":
        yield Rule(name, _unknown(name, "feature_key", "known_features", "feature_key", "unknown_feature"))
    if name == "discounts" and "subscription_items" in given:
        yield Rule(name, _unknown(name, "item_id", "subscription_items", "item_id", "unknown_item"))
        yield Rule(
            name, _unknown(name, "subscription_id", "subscription_items", "subscription_id", "unknown_subscription")
        )


def _unknown(table: str, column: str, other: str, key: str, reason: str) -> str:
    where = "features.csv" if other == "known_features" else other
    return (
        f"SELECT row_no, '{reason}' AS reason, 'column {column}: ''' || {column} || ''' is not in {where}' AS detail "
        f"FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT {key} FROM {other})"
    )


def _numbers(name: str) -> Iterator[Rule]:
    for columns, test, reason in (
        (_NOT_NEGATIVE.get(name, ()), "< 0", "negative_value"),
        (_POSITIVE.get(name, ()), "<= 0", "not_positive"),
    ):
        for column in columns:
            yield Rule(
                name,
                f"SELECT row_no, '{reason}' AS reason, 'column {column}: ' || {column} AS detail "
                f"FROM {name} WHERE {column} {test}",
            )


def _intervals(name: str) -> Iterator[Rule]:
    for start, end, may_be_empty in _INTERVALS.get(name, ()):
        yield Rule(
            name,
            f"SELECT row_no, CASE WHEN {end} = {start} THEN 'empty_interval' ELSE 'negative_interval' END AS reason, "
            f"'{end} ' || {end} || ' is not after {start} ' || {start} AS detail "
            f"FROM {name} WHERE {end} {'<' if may_be_empty else '<='} {start}",
        )


def _repeated_key(table: Table) -> str:
    """All rows of a key but one. Which one stays depends on the rows' content, not on their order in the file."""
    key = ", ".join(f'"{c}"' for c in table.key)
    rest = ", ".join(f'"{c}"' for c in table.names if c not in table.key)
    order = f"{rest}, row_no" if rest else "row_no"
    return f"""
        SELECT row_no, 'duplicate_key' AS reason,
            'same {" × ".join(table.key)} as row ' || kept AS detail
        FROM (SELECT row_no, row_number() OVER w AS nth, first_value(row_no) OVER w AS kept
              FROM {table.name} WINDOW w AS (PARTITION BY {key} ORDER BY {order}))
        WHERE nth > 1"""


# Two figures for one total: neither can be believed. (The same figure twice is only a duplicate.)
_CONFLICTING_TOTALS = """
    SELECT row_no, 'conflicting_total' AS reason,
        concat_ws(' ', month, metric, product_line, segment) || ' is claimed as ' || low || ' and as ' || high AS detail
    FROM (SELECT *, min(value) OVER w AS low, max(value) OVER w AS high FROM control_totals
          WINDOW w AS (PARTITION BY month, metric, product_line, segment))
    WHERE low < high"""

_SPECIAL: dict[str, tuple[str, ...]] = {
    "accounts": (
        """
        WITH RECURSIVE parents AS (
            SELECT account_id, parent_account_id AS ancestor FROM accounts WHERE parent_account_id IS NOT NULL
            UNION
            SELECT p.account_id, a.parent_account_id FROM parents p JOIN accounts a ON a.account_id = p.ancestor
            WHERE a.parent_account_id IS NOT NULL
        )
        SELECT a.row_no, 'parent_cycle' AS reason, 'the account is its own ancestor: ' || a.account_id AS detail
        FROM parents p JOIN accounts a USING (account_id) WHERE p.account_id = p.ancestor""",
    ),
    "subscription_items": (
        "SELECT row_no, 'missing_value' AS reason, 'interval term needs term_start and term_end' AS detail "
        "FROM subscription_items WHERE \"interval\" = 'term' AND (term_start IS NULL OR term_end IS NULL)",
        "SELECT row_no, 'missing_value' AS reason, 'pricing_model committed_usage needs committed_amount' AS detail "
        "FROM subscription_items WHERE pricing_model = 'committed_usage' AND committed_amount IS NULL",
    ),
    "discounts": (
        "SELECT row_no, 'missing_key' AS reason, 'neither item_id nor subscription_id' AS detail "
        "FROM discounts WHERE item_id IS NULL AND subscription_id IS NULL",
        "SELECT row_no, 'out_of_range' AS reason, 'column value: ' || value || ' is not between 0 and 100 percent' "
        "AS detail FROM discounts WHERE kind = 'percent' AND value > 100",
    ),
    # The shares of the surviving rows: a bundle that lost a row to another rule is no longer whole.
    "bundle_allocation": (
        """
        SELECT row_no, 'shares_not_one' AS reason,
            'shares of ' || bundle_product_id || ' from ' || valid_from || ' sum to ' || total AS detail
        FROM (SELECT *, sum(share) OVER (PARTITION BY bundle_product_id, valid_from) AS total FROM bundle_allocation)
        WHERE abs(total - 1) > 0.000001""",
    ),
    "entitlements": (
        "SELECT row_no, 'missing_key' AS reason, 'neither product_line nor feature_key' AS detail "
        "FROM entitlements WHERE product_line IS NULL AND feature_key IS NULL",
    ),
}
