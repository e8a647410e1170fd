"""Raw events and the company's usage settings for dbt tests: what the loaders hand over, in a temporary warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

Row = Mapping[str, Any]

TABLES: dict[str, str] = {
    "account_ways": "position INTEGER, way VARCHAR",
    "internal_rules": "kind VARCHAR, value VARCHAR",
    "inactive_event_types": "pattern VARCHAR",
    "feature_rules": "rule_no INTEGER, feature_key VARCHAR, feature_name VARCHAR, feature_set VARCHAR, "
    "product_line VARCHAR, event_type VARCHAR, property VARCHAR, property_value VARCHAR, launched_on DATE, "
    "is_core BOOLEAN, owner VARCHAR, team VARCHAR",
    "launches": "launch_id VARCHAR, name VARCHAR, kind VARCHAR, starts_on DATE, ends_on DATE, segments VARCHAR[], "
    "features VARCHAR[], metrics VARCHAR[], expected_direction VARCHAR, expected_lag_days INTEGER, owner VARCHAR, "
    "url VARCHAR",
    "identity_map": "account_id VARCHAR, amplitude_value VARCHAR, valid_from DATE, valid_to DATE, method VARCHAR",
    "entitlements": "account_id VARCHAR, product_line VARCHAR, feature_key VARCHAR, seats INTEGER, valid_from DATE, "
    "valid_to DATE",
    "rebuild_plan": "layer VARCHAR, local_date DATE",
    "amplitude_merges": "amplitude_id BIGINT, survivor BIGINT",
    "amplitude_merge_facts": "amplitude_id BIGINT, survivor BIGINT, merged_at TIMESTAMP, verdict VARCHAR",
    "built_merges": "amplitude_id BIGINT, survivor BIGINT",
    "built_identities": "local_date DATE, amplitude_id BIGINT, device_id VARCHAR, device_user_id VARCHAR, "
    "user_key VARCHAR, resolved_by VARCHAR",
    "identities_before": "amplitude_id BIGINT, device_id VARCHAR",
    "namings_before": "local_date DATE, user_key VARCHAR, names_account BOOLEAN, marks_internal BOOLEAN",
    "amplitude_events": "uuid VARCHAR, upload_hour TIMESTAMP, occurred_at TIMESTAMP, is_time_corrected BOOLEAN, "
    "event_type VARCHAR, feature_properties MAP(VARCHAR, VARCHAR), user_id VARCHAR, amplitude_id BIGINT, "
    "device_id VARCHAR, session_id BIGINT, account_group VARCHAR, account_property VARCHAR, "
    "internal_property VARCHAR, email_domain VARCHAR, user_id_folded VARCHAR",
}

WAYS: tuple[Row, ...] = tuple(
    {"position": position, "way": way}
    for position, way in enumerate(("event_group", "user_property", "user_membership"), start=1)
)


def create(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[Row]]) -> None:
    """Create every raw table of usage and insert the rows; a missing table is empty, a missing column null."""
    for name, columns in TABLES.items():
        con.execute(f"CREATE OR REPLACE TABLE raw.{name} ({columns})")
        insert(con, name, tables.get(name, ()))


def insert(con: duckdb.DuckDBPyConnection, name: str, rows: Iterable[Row]) -> None:
    """Insert rows given as mappings of column to value."""
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        con.execute(f"INSERT INTO raw.{name} ({names}) VALUES ({marks})", list(row.values()))


def plan(
    con: duckdb.DuckDBPyConnection, events: Iterable[date], marts_from: date | None, adoption_from: date | None = None
) -> None:
    """Replace the rebuild plan: ``events`` are exact dates, the windowed layers begin at a date or are empty."""
    starts = {"marts": marts_from, "adoption": adoption_from or marts_from}
    con.execute("DELETE FROM raw.rebuild_plan")
    dates = [(layer, day) for layer in ("events", "activity") for day in sorted(events)]
    dates += [(layer, day) for layer, day in starts.items() if day]
    insert(con, "rebuild_plan", [{"layer": layer, "local_date": day} for layer, day in dates])


def hours(first: datetime, last: datetime) -> list[Row]:
    """Ledger rows for every upload hour from first to last, all loaded."""
    count = int((last - first) / timedelta(hours=1)) + 1
    columns = {"state": "loaded", "parts": 1, "records": 0, "staged": 0, "attempts": 1}
    return [{"upload_hour": first + timedelta(hours=n), **columns} for n in range(count)]
