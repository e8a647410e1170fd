"""Raw company and finance tables for dbt tests: the loaders' output, written by hand, in a temporary warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from assets.board.close_tables import FROZEN, RECORD, RESTATEMENT_KEY
from assets.board.registry import METRICS
from assets.warehouse import write

Row = Mapping[str, Any]

_MONEY, _RATE = "DECIMAL(18,4)", "DECIMAL(18,8)"


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


# columns as the input contract names them, typed as the loaders type them
TABLES: dict[str, str] = {
    "company": "name VARCHAR, time_zone VARCHAR, week_starts_on VARCHAR, fiscal_year_starts_in INTEGER, "
    "reporting_currency VARCHAR, account_group_type VARCHAR, discounts VARCHAR, churn_at VARCHAR, "
    "delinquency_grace_days INTEGER, reactivation_new_after_days INTEGER, close_day INTEGER, "
    "adoption_established_days INTEGER, adoption_window_days INTEGER, tie_out_tolerance_company DOUBLE, "
    "tie_out_tolerance_product_line DOUBLE",
    "lens_dimensions": "position INTEGER, dimension VARCHAR",
    "board_metrics": "metric_key VARCHAR, metric_name VARCHAR, kind VARCHAR, unit VARCHAR, quarter_rule VARCHAR, "
    "direction VARCHAR, owner VARCHAR, source VARCHAR, definition VARCHAR, definition_hash VARCHAR, "
    "board_position INTEGER, target DOUBLE, publish_group VARCHAR",
    "finance_state": "mode VARCHAR, as_of DATE, delivery_number INTEGER, content_hash VARCHAR, landed_on DATE, "
    "has_invoices BOOLEAN, has_gl BOOLEAN, has_control_totals BOOLEAN, has_entitlements BOOLEAN, "
    "has_identity_map BOOLEAN",
    "accounts": "account_id VARCHAR, account_name VARCHAR, parent_account_id VARCHAR, crm_id VARCHAR, "
    "billing_country VARCHAR, created_date DATE, is_internal_test BOOLEAN",
    "subscription_items": "item_id VARCHAR, version_no INTEGER, subscription_id VARCHAR, account_id VARCHAR, "
    "product_id VARCHAR, status VARCHAR, effective_from DATE, effective_to DATE, service_end_date DATE, "
    "term_start DATE, term_end DATE, signed_date DATE, cancel_requested_at DATE, end_reason VARCHAR, "
    f"replaces_item_id VARCHAR, currency VARCHAR, quantity {_MONEY}, unit_amount {_MONEY}, interval VARCHAR, "
    f"interval_count INTEGER, pricing_model VARCHAR, committed_amount {_MONEY}, recorded_at DATE, vanished_on DATE",
    "account_segments": "account_id VARCHAR, dimension VARCHAR, value VARCHAR, valid_from DATE, valid_to DATE, "
    "assigned_by VARCHAR",
    "products": "product_id VARCHAR, product_name VARCHAR, product_line VARCHAR, product_family VARCHAR, "
    "is_recurring BOOLEAN, valid_from DATE, valid_to DATE",
    "product_succession": "from_product_id VARCHAR, to_product_id VARCHAR, effective_date DATE",
    "bundle_allocation": f"bundle_product_id VARCHAR, product_line VARCHAR, share {_RATE}, valid_from DATE",
    "discounts": f"discount_id VARCHAR, item_id VARCHAR, subscription_id VARCHAR, kind VARCHAR, value {_MONEY}, "
    "duration VARCHAR, starts_on DATE, ends_on DATE, currency VARCHAR",
    "invoice_lines": "invoice_id VARCHAR, line_id VARCHAR, account_id VARCHAR, item_id VARCHAR, product_id VARCHAR, "
    f"invoice_date DATE, service_start DATE, service_end DATE, amount {_MONEY}, tax_amount {_MONEY}, "
    "currency VARCHAR, is_proration BOOLEAN, is_recurring BOOLEAN, line_type VARCHAR, invoice_status VARCHAR",
    "gl_revenue": "period_month DATE, gl_account VARCHAR, revenue_class VARCHAR, product_line VARCHAR, "
    f"segment VARCHAR, amount {_MONEY}, currency VARCHAR, entity VARCHAR, is_closed BOOLEAN",
    "fx_rates": f"rate_date DATE, from_currency VARCHAR, to_currency VARCHAR, rate {_RATE}, rate_type VARCHAR",
    "control_totals": f"month DATE, metric VARCHAR, value {_MONEY}, product_line VARCHAR, segment VARCHAR",
    "arr_month": f"month DATE, account_id VARCHAR, product_line VARCHAR, currency VARCHAR, arr {_MONEY}",
    "closes": _listed(RECORD),
    "closes_state": "run_id VARCHAR, definition_hash VARCHAR, token VARCHAR",
    **{f"closed_{name}": _listed(columns) for name, columns in FROZEN.items()},
    "restatements_seen": _listed(RESTATEMENT_KEY) + ", first_seen_run VARCHAR, position INTEGER",
    "amplitude_hours": "upload_hour TIMESTAMP, state VARCHAR, parts INTEGER, records BIGINT, staged BIGINT, "
    "duplicates BIGINT, late_resends BIGINT, quarantined BIGINT, erased BIGINT, bytes BIGINT, sha256 VARCHAR, "
    "attempts INTEGER, loaded_at TIMESTAMP, insert_id_duplicates BIGINT",
}

COMPANY: Row = {
    "name": "Examples",
    "time_zone": "UTC",
    "week_starts_on": "monday",
    "fiscal_year_starts_in": 1,
    "reporting_currency": "USD",
    "account_group_type": "account",
    "discounts": "recurring",
    "churn_at": "service_end",
    "close_day": 8,
    "adoption_established_days": 3,
    "adoption_window_days": 28,
    "tie_out_tolerance_company": 0.01,
    "tie_out_tolerance_product_line": 0.02,
}


# The whole registry, as without a board.yaml; tests that care write their own rows.
BOARD: list[Row] = [
    {
        "metric_key": metric.key, "metric_name": metric.name, "kind": metric.kind,
        "unit": "USD" if metric.unit == "currency" else metric.unit, "quarter_rule": metric.quarter_rule,
        "direction": metric.direction, "owner": metric.owner, "source": metric.source,
        "definition": metric.definition, "definition_hash": metric.definition_hash, "board_position": position,
        "publish_group": metric.publish_group,
    }
    for position, metric in enumerate(METRICS, start=1)
]  # fmt: skip
# Tables that always hold something.
DEFAULTS: dict[str, list[Row]] = {
    "board_metrics": BOARD,
    "closes_state": [{"run_id": "this-run", "definition_hash": "models", "token": ""}],
}


def fill(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[Row]]) -> None:
    """Create every raw table and insert the rows; a missing table is empty (the board sees every metric), a missing
    column null."""
    con.begin()
    for name, columns in TABLES.items():
        con.execute(f"CREATE OR REPLACE TABLE raw.{name} ({columns})")
        # rows of one shape together: a statement and a commit for each row would take most of a test's time
        for shape, same in groupby(tables.get(name, DEFAULTS.get(name, ())), key=tuple):
            rows = list(same)
            marks = ", ".join(["(" + ", ".join("?" for _ in shape) + ")"] * len(rows))
            values = [value for row in rows for value in row.values()]
            con.execute(f"INSERT INTO raw.{name} ({', '.join(shape)}) VALUES {marks}", values)
    con.commit()


def state(mode: str, as_of: str | None, **flags: bool) -> dict[str, Any]:
    """The one row of raw.finance_state."""
    return {"mode": mode, "as_of": as_of, "delivery_number": 1, "content_hash": "0", "landed_on": as_of, **flags}


def load_complete_journey(path: Path, folder: Path) -> None:
    """Fill a new warehouse at ``path`` from the finance files of a minimum-mode company folder."""
    with write(path) as con:
        fill(con, {"company": [COMPANY | {"time_zone": "America/New_York"}]})
        con.executemany("INSERT INTO raw.lens_dimensions VALUES (?, ?)", [(1, "size"), (2, "region"), (3, "age")])
        for table in ("accounts", "account_segments", "control_totals", "arr_month"):
            file = str(folder / "finance" / f"{table}.csv")
            con.execute(f"INSERT INTO raw.{table} BY NAME SELECT * FROM read_csv(?, all_varchar = true)", [file])
        con.execute(
            "INSERT INTO raw.finance_state BY NAME SELECT 'minimum' AS mode, last_day(max(month)) AS as_of, "
            "1 AS delivery_number, true AS has_control_totals FROM raw.arr_month"
        )
