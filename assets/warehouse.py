"""The one door to the build warehouse (DuckDB): short connections that are never left open.

DuckDB allows one writing process or many readers, and a reader blocks a writer. So every step opens,
works and closes; nothing keeps a connection between steps, and BI tools never open this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from assets.errors import InputError

RAW, QUALITY = "raw", "quality"


def _open(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(str(path), read_only=read_only)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise InputError(
                "the build warehouse is open in another process",
                where=str(path),
                mend="wait for the other refresh to end; point BI tools at serving/current/product_lens.duckdb",
            ) from error
        raise
    con.execute("SET TimeZone = 'UTC'")
    return con


@contextmanager
def write(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A short writing connection; makes the file, its folder and the schemas ``raw`` and ``quality``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con = _open(path, read_only=False)
    try:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {RAW}")
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {QUALITY}")
        yield con
    finally:
        con.close()


@contextmanager
def read(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A short read-only connection to an existing warehouse."""
    con = _open(path, read_only=True)
    try:
        yield con
    finally:
        con.close()


def has_table(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether a table or view of that name exists."""
    found = con.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [schema, name]
    ).fetchone()
    return bool(found and found[0])
