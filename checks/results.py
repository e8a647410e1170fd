"""Verdicts in the warehouse: ``audit.check_results``, one row per check of the latest run."""

from __future__ import annotations

import json
from collections.abc import Iterable

import duckdb

from assets.warehouse import has_table
from checks.model import Verdict

_COLUMNS = (
    "check_name, suite, asset_layer, asset_name, publish_group, severity, status, observed, failing_rows, message"
)


def record(con: duckdb.DuckDBPyConnection, verdicts: Iterable[Verdict]) -> None:
    """Replaces ``audit.check_results`` in one transaction. ``observed`` and ``failing_rows`` are JSON text."""
    rows = [
        [
            position,
            verdict.name,
            verdict.suite,
            *verdict.asset,
            verdict.group,
            verdict.severity,
            verdict.status,
            json.dumps(dict(verdict.observed), allow_nan=False),
            json.dumps([dict(row) for row in verdict.failing_rows], allow_nan=False),
            verdict.message,
        ]
        for position, verdict in enumerate(verdicts)
    ]
    con.execute("BEGIN")
    try:
        con.execute("CREATE SCHEMA IF NOT EXISTS audit")
        con.execute(
            "CREATE OR REPLACE TABLE audit.check_results (position INTEGER, check_name VARCHAR, suite VARCHAR, "
            "asset_layer VARCHAR, asset_name VARCHAR, publish_group VARCHAR, severity VARCHAR, status VARCHAR, "
            "observed VARCHAR, failing_rows VARCHAR, message VARCHAR)"
        )
        if rows:
            con.executemany(f"INSERT INTO audit.check_results VALUES ({', '.join('?' * len(rows[0]))})", rows)
        con.execute("COMMIT")
    except duckdb.Error:
        con.execute("ROLLBACK")
        raise


def recorded(con: duckdb.DuckDBPyConnection) -> list[Verdict]:
    """The verdicts of the latest run, as they were recorded; none before the first."""
    if not has_table(con, "audit", "check_results"):
        return []
    rows = con.execute(f"SELECT {_COLUMNS} FROM audit.check_results ORDER BY position").fetchall()
    return [
        Verdict(
            name, suite, (layer, asset), group, severity, status, json.loads(observed), tuple(json.loads(bad)), message
        )
        for name, suite, layer, asset, group, severity, status, observed, bad, message in rows
    ]
