"""The company's settings, feature rules and launches as raw tables that dbt reads."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from assets.company.model import Company
from assets.company.registry import FEATURES, LAUNCHES
from assets.company.user_hash import UserHash
from assets.warehouse import RAW

_ARROW = {"text": pa.string(), "enum": pa.string(), "date": pa.date32(), "boolean": pa.bool_(), "integer": pa.int32()}
_TEXT, _INT, _FLOAT = pa.string(), pa.int32(), pa.float64()
_LISTS = ("segments", "features", "metrics")

_SCHEMAS: dict[str, pa.Schema] = {
    "company": pa.schema(
        [
            ("name", _TEXT), ("time_zone", _TEXT), ("week_starts_on", _TEXT), ("fiscal_year_starts_in", _INT),
            ("reporting_currency", _TEXT), ("account_group_type", _TEXT), ("discounts", _TEXT), ("churn_at", _TEXT),
            ("delinquency_grace_days", _INT), ("reactivation_new_after_days", _INT), ("close_day", _INT),
            ("adoption_established_days", _INT), ("adoption_window_days", _INT),
            ("tie_out_tolerance_company", _FLOAT), ("tie_out_tolerance_product_line", _FLOAT),
        ]
    ),
    "lens_dimensions": pa.schema([("position", _INT), ("dimension", _TEXT)]),
    "account_ways": pa.schema([("position", _INT), ("way", _TEXT)]),
    "internal_rules": pa.schema([("kind", _TEXT), ("value", _TEXT)]),
    "inactive_event_types": pa.schema([("pattern", _TEXT)]),
    "feature_rules": pa.schema([("rule_no", _INT)] + [(c.name, _ARROW[c.kind]) for c in FEATURES.columns]),
    "launches": pa.schema(
        [(c.name, pa.list_(_TEXT) if c.name in _LISTS else _ARROW[c.kind]) for c in LAUNCHES.columns]
    ),
}  # fmt: skip


def write_raw(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Replace the raw tables of the company, all or none (one transaction)."""
    tables = _rows(company) | {"internal_rules": _internal_rules(con, company)}
    con.execute("BEGIN")
    try:
        for name, rows in tables.items():
            con.register("company_rows", pa.Table.from_pylist(rows, schema=_SCHEMAS[name]))
            con.execute(f"CREATE OR REPLACE TABLE {RAW}.{name} AS SELECT * FROM company_rows")
            con.unregister("company_rows")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def _rows(company: Company) -> dict[str, list[dict[str, Any]]]:
    holders = (company, company.events, company.policy)
    return {
        "company": [{f: next(getattr(h, f) for h in holders if hasattr(h, f)) for f in _SCHEMAS["company"].names}],
        "lens_dimensions": [{"position": n, "dimension": d} for n, d in enumerate(company.lens_dimensions, start=1)],
        "account_ways": [{"position": n, "way": way} for n, way in enumerate(company.events.account_from, start=1)],
        "inactive_event_types": [{"pattern": pattern} for pattern in company.events.inactive_event_types],
        "feature_rules": [rule.model_dump() for rule in company.features],
        "launches": [launch.model_dump() for launch in company.launches],
    }


def _internal_rules(con: duckdb.DuckDBPyConnection, company: Company) -> list[dict[str, Any]]:
    """Where user ids are hashed, so are the rules about them: in lower case, as staging compares them."""
    internal, user_hash = company.events.internal, UserHash.of(company)
    user_ids = list(internal.user_ids)
    if user_hash:
        lowered = con.execute("SELECT lower(value) FROM (SELECT unnest(?::VARCHAR[]) AS value)", [user_ids])
        user_ids = [user_hash.hashed(value) for (value,) in lowered.fetchall()]
    kinds = (("email_domain", internal.email_domains), ("account", internal.accounts), ("user_id", user_ids))
    return [{"kind": kind, "value": value} for kind, values in kinds for value in values]
