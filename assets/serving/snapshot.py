"""What a published table is: its columns, its content and hashes, and how database files are opened to read them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from assets.errors import InputError

DATABASE = "product_lens.duckdb"
# The oldest format that every client from 1.0 on reads; COMMENT ON is part of it.
STORAGE_VERSION = "v1.0.0"
# Run metadata differs between two runs that hold the same facts: left out of every hash and comparison.
RUN_COLUMNS = frozenset({"attempts", "first_seen_run", "loaded_at", "run_id"})
PLAIN_TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP"}
)
LIST_TYPES = frozenset({"VARCHAR[]"})


class ReleaseError(RuntimeError):
    """A release could not be built or read; the one that is current stays as it is."""


@dataclass(frozen=True)
class TableDoc:
    """What a mart's yml says: table and column descriptions, and the grain that orders its rows.

    ``rows_by``: column that names the publish group of a row, of a mart whose rows go out group by group.
    """

    description: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    grain: tuple[str, ...] = ()
    rows_by: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a mart's rows come from: ``build`` (the build warehouse) or ``former`` (the last good release).

    ``held``: groups whose rows of a mart with ``rows_by`` come from the former release, the others from the build.
    """

    catalog: str
    group: str
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """What a table holds: row count, sum of its rows' hashes, columns as (name, type)."""

    rows: int
    row_sum: int
    columns: tuple[tuple[str, str], ...]

    @property
    def content_hash(self) -> str:
        """Hash of the content: independent of row order, column order, integer width and engine version."""
        names = sorted(name for name, _ in self.columns if name not in RUN_COLUMNS)
        return hashlib.sha256("|".join([*names, str(self.rows), str(self.row_sum)]).encode()).hexdigest()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def attached(**catalogs: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A short connection with existing database files attached read-only under the given names."""
    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'UTC'")
        for name, path in catalogs.items():
            try:
                con.execute(f"ATTACH {literal(str(path))} AS {quoted(name)} (READ_ONLY)")
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                raise InputError(
                    "a database file is open for writing in another process",
                    where=str(path),
                    mend="wait for the other refresh to end; point BI tools at serving/current/product_lens.duckdb",
                ) from error
        yield con
    finally:
        con.close()


def columns_of(con: duckdb.DuckDBPyConnection, catalog: str, table: str) -> tuple[tuple[str, str], ...]:
    """Columns of ``marts.<table>`` as (name, type), in order; empty when there is no such table."""
    rows = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'marts' AND table_name = ? ORDER BY column_index",
        [catalog, table],
    ).fetchall()
    return tuple((str(name), str(kind)) for name, kind in rows)


def portable_columns(con: duckdb.DuckDBPyConnection, catalog: str, table: str) -> tuple[tuple[str, str], ...]:
    """``columns_of``; raises ReleaseError when the mart is missing or has a type that old readers do not know."""
    columns = columns_of(con, catalog, table)
    if not columns:
        raise ReleaseError(f"marts.{table} is due but was not built; run the transform and publish again")
    for name, kind in columns:
        if kind not in PLAIN_TYPES | LIST_TYPES and not kind.startswith("DECIMAL("):
            raise ReleaseError(f"marts.{table}.{name} is {kind}, which BI readers cannot open; cast it in the model")
    return columns


Bucket = date
# Rows without a date, and tables without a date column, are one bucket of their own.
NO_DATE = date(1, 1, 1)


def bucket_of(columns: Sequence[tuple[str, str]]) -> str:
    """SQL of the bucket a row belongs to: its first DATE column."""
    first = next((quoted(name) for name, kind in columns if kind == "DATE"), "NULL")
    return f"coalesce({first}, DATE '{NO_DATE.isoformat().zfill(10)}')"


def bucket_hashes(
    con: duckdb.DuckDBPyConnection, catalog: str, table: str, columns: Sequence[tuple[str, str]]
) -> dict[Bucket, tuple[int, int]]:
    """Bucket → (rows, hash) over all columns. Fast, and comparable only within one engine: for finding changes."""
    names = ", ".join(quoted(name) for name, _ in columns)
    found = con.execute(
        f"SELECT {bucket_of(columns)}, count(*), sum(hash({names})) FROM {catalog}.marts.{quoted(table)} GROUP BY 1"
    ).fetchall()
    return {bucket: (int(rows), int(total)) for bucket, rows, total in found}


def content(
    con: duckdb.DuckDBPyConnection, catalog: str, table: str, buckets: Sequence[Bucket] | None = None
) -> Content:
    """Content of ``<catalog>.marts.<table>``, or only of the rows in ``buckets``; run metadata is left out.

    Each row becomes one canonical text, and the lower halves of the rows' md5 are summed: contents of disjoint rows
    add up. Takes a microsecond or two a row.
    """
    columns = columns_of(con, catalog, table)
    if not columns:
        raise ReleaseError(f"marts.{table} is missing in {catalog}")
    hashed = sorted((name, kind) for name, kind in columns if name not in RUN_COLUMNS)
    row_text = ", ".join(_canonical(name, kind) for name, kind in hashed) or "''"
    only = "" if buckets is None else f"WHERE {bucket_of(columns)} IN (SELECT unnest(?::DATE[]))"
    totals = con.execute(
        "SELECT count(*), coalesce(sum(md5_number_lower(row_text)), 0) "
        f"FROM (SELECT concat_ws(chr(31), {row_text}) AS row_text FROM {catalog}.marts.{quoted(table)} {only})",
        [] if buckets is None else [list(buckets)],
    ).fetchall()
    return Content(int(totals[0][0]), int(totals[0][1]), columns)


def _canonical(name: str, kind: str) -> str:
    """SQL for one value as text: null apart from empty, text with its length so that values cannot run together."""
    column = quoted(name)
    if kind == "VARCHAR":
        text = f"length({column}) || ':' || {column}"
    elif kind in LIST_TYPES:
        text = f"CAST(to_json({column}) AS VARCHAR)"
    elif kind == "DOUBLE":
        # Thirteen significant digits: the last bits of a sum may depend on the order of addition. + 0.0 ends -0.0.
        text = f"printf('%.12e', {column} + 0.0)"
    elif kind == "TIMESTAMP":
        text = f"strftime({column}, '%Y-%m-%d %H:%M:%S.%f')"
    else:
        text = f"CAST({column} AS VARCHAR)"
    return f"coalesce({text}, 'null')"
