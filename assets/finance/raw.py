"""The kept deliveries → the raw finance tables that dbt reads, and the quarantine of the newest one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.company.calendar import month_end
from assets.company.model import Company
from assets.errors import InputError
from assets.finance.contract import TABLES
from assets.finance.deliveries import Delivery, deliveries
from assets.finance.replay import add_vanished
from assets.home import Home
from assets.warehouse import QUALITY, RAW

_STATE_FLAGS = {
    "has_invoices": "invoice_lines",
    "has_gl": "gl_revenue",
    "has_control_totals": "control_totals",
    "has_entitlements": "entitlements",
    "has_identity_map": "identity_map",
}


@dataclass(frozen=True)
class FinanceSummary:
    """What the raw tables now hold: ``mode`` full, minimum or none; ``as_of`` the date the money speaks for
    (None without money); rows per raw table (vanished rows included) and quarantined rows per table."""

    mode: str
    as_of: date | None
    rows: dict[str, int]
    quarantined: dict[str, int]


def load_raw(con: duckdb.DuckDBPyConnection, home: Home, company: Company, until: date | None) -> FinanceSummary:
    """Replay the kept deliveries into ``raw.*`` and ``quality.quarantine``, all or none (one transaction)."""
    kept = deliveries(home)
    if not kept:
        raise InputError("no finance delivery has landed yet", where=str(home.finance_lake), mend="run `lens refresh`")
    con.execute("BEGIN")
    try:
        summary = _load(con, kept, company, until)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return summary


def _load(con: duckdb.DuckDBPyConnection, kept: list[Delivery], company: Company, until: date | None) -> FinanceSummary:
    last = kept[-1]
    for table in TABLES:
        columns = ", ".join(f'"{c.name}" {c.sql_type}' for c in table.columns)
        extra = ", vanished_on DATE" if table.name == "subscription_items" else ""
        con.execute(f"CREATE OR REPLACE TABLE {RAW}.{table.name}({columns}{extra})")
        path = last.table(table.name)
        if path is not None:
            con.execute(f"INSERT INTO {RAW}.{table.name} BY NAME SELECT * FROM read_parquet(?)", [str(path)])
    add_vanished(con, kept)
    if "identity_map" not in last.tables:
        con.execute(
            f"INSERT INTO {RAW}.identity_map BY NAME "
            f"SELECT account_id, account_id AS amplitude_value, 'account_id' AS method FROM {RAW}.accounts"
        )
    as_of = _as_of(con, last, company, until)
    _write_state(con, last, as_of)
    _write_quarantine(con, last)
    rows = {t.name: int(con.execute(f"SELECT count(*) FROM {RAW}.{t.name}").fetchall()[0][0]) for t in TABLES}
    return FinanceSummary(last.mode, as_of, rows, dict(last.quarantined))


def _as_of(con: duckdb.DuckDBPyConnection, last: Delivery, company: Company, until: date | None) -> date | None:
    """The date the money speaks for. A month file cannot speak for months it does not hold, so there ``until``
    and ``finance.as_of`` can only cut it short."""
    asked = until or company.finance.as_of
    if last.mode == "none":
        return None
    if last.mode == "minimum":
        last_month = con.execute(f"SELECT max(month) FROM {RAW}.arr_month").fetchall()[0][0]
        end = month_end(last_month)
        return min(asked, end) if asked else end
    return asked or last.landed_on


def _write_state(con: duckdb.DuckDBPyConnection, last: Delivery, as_of: date | None) -> None:
    flags = ", ".join(f"?::BOOLEAN AS {flag}" for flag in _STATE_FLAGS)
    con.execute(
        f"CREATE OR REPLACE TABLE {RAW}.finance_state AS SELECT ?::VARCHAR AS mode, ?::DATE AS as_of, "
        f"?::INTEGER AS delivery_number, ?::VARCHAR AS content_hash, ?::DATE AS landed_on, {flags}",
        [last.mode, as_of, last.number, last.content_hash, last.landed_on]
        + [table in last.tables for table in _STATE_FLAGS.values()],
    )


def _write_quarantine(con: duckdb.DuckDBPyConnection, last: Delivery) -> None:
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {QUALITY}.quarantine(source VARCHAR, table_name VARCHAR, row_ref VARCHAR, "
        "reason VARCHAR, detail VARCHAR, raw_row VARCHAR)"
    )
    con.execute(f"DELETE FROM {QUALITY}.quarantine WHERE source = 'finance'")
    con.execute(
        f"INSERT INTO {QUALITY}.quarantine SELECT 'finance', table_name, row_ref, reason, detail, raw_row "
        "FROM read_parquet(?)",
        [str(last.folder / "quarantine.parquet")],
    )
