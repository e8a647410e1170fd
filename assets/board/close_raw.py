"""Closed months → the raw relations that dbt reads; empty ones while nothing is closed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from assets.board.close_records import Record, records, token, verify_files
from assets.board.close_tables import FROZEN, RECORD, RESTATEMENT_KEY
from assets.board.restatement_log import log_files
from assets.home import Home
from assets.warehouse import RAW


def load_closes(con: duckdb.DuckDBPyConnection, home: Home, run_id: str, definition_hash: str) -> list[Record]:
    """Verify every record and show them to dbt, all or none (one transaction); the records.

    ``raw.closes`` (one row a record), ``raw.closes_state`` (one row: this run, the models' hash, the token of the
    closes) and ``raw.restatements_seen`` are tables or views, ``raw.closed_<file>`` views over the frozen files.
    Raises InputError for a record that is damaged.
    """
    found = records(home)
    for record in found:
        verify_files(record)
    seen = log_files(home)
    con.execute("BEGIN")
    try:
        _write_records(con, found)
        con.execute(
            f"CREATE OR REPLACE TABLE {RAW}.closes_state AS"
            " SELECT ?::VARCHAR AS run_id, ?::VARCHAR AS definition_hash, ?::VARCHAR AS token",
            [run_id, definition_hash, token(found)],
        )
        for name, columns in FROZEN.items():
            paths = [path for record in found if (path := record.file(name)) is not None]
            _show(con, f"closed_{name}", columns, paths)
        _show(con, "restatements_seen", RESTATEMENT_KEY | {"first_seen_run": "VARCHAR", "position": "INTEGER"}, seen)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return found


def _write_records(con: duckdb.DuckDBPyConnection, found: Sequence[Record]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in RECORD.items())
    con.execute(f"CREATE OR REPLACE TABLE {RAW}.closes({columns})")
    for record in found:
        values = [
            record.month_start, record.number, record.sequence, record.kind, record.why, record.moment, record.run_id,
            record.release_id, record.reporting_currency, record.source_hash, record.policy_hash,
            record.definition_hash,
        ]  # fmt: skip
        con.execute(f"INSERT INTO {RAW}.closes VALUES ({', '.join('?' * len(RECORD))})", values)


def _show(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], paths: Sequence[Path]) -> None:
    """A view, so that a refresh that does not touch closed months does not read them either."""
    if paths:
        files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
        source, value = f"FROM read_parquet([{files}], union_by_name = true)", "{column}"
    else:
        source, value = "WHERE false", "NULL"
    chosen = ", ".join(f"CAST({value.format(column=c)} AS {kind}) AS {c}" for c, kind in columns.items())
    con.execute(f"CREATE OR REPLACE VIEW {RAW}.{name} AS SELECT {chosen} {source}")
