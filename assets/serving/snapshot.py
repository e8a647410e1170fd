"""The files of one release: a DuckDB file that old clients can open, one Parquet file per mart, and their hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from assets.errors import InputError

DATABASE = "product_lens.duckdb"
# The oldest format that every client from 1.0 on reads; COMMENT ON is part of it.
STORAGE_VERSION = "v1.0.0"
# Run metadata differs between two runs that hold the same facts: left out of every hash and comparison.
RUN_COLUMNS = frozenset({"attempts", "loaded_at", "run_id"})
PLAIN_TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP"}
)
LIST_TYPES = frozenset({"VARCHAR[]"})


class ReleaseError(RuntimeError):
    """A release could not be built or read; the one that is current stays as it is."""


@dataclass(frozen=True)
class TableDoc:
    """What a mart's yml says: table and column descriptions, and the grain that orders its rows."""

    description: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    grain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a mart's rows come from: ``build`` (the build warehouse) or ``former`` (the last good release)."""

    catalog: str
    group: str


@dataclass(frozen=True)
class Content:
    """What a published table holds: row count, hash of its content, columns as (name, type)."""

    rows: int
    content_hash: str
    columns: tuple[tuple[str, str], ...]


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


def write_database(
    con: duckdb.DuckDBPyConnection, folder: Path, sources: Mapping[str, Source], docs: Mapping[str, TableDoc]
) -> dict[str, int]:
    """Copies the marts into ``<folder>/product_lens.duckdb`` (schema ``marts``), rows in grain order, with comments.

    Writes one Parquet file per mart beside it, checkpoints and detaches. Returns the rows written per table.
    Raises ReleaseError when a mart is missing or has a column type that old readers do not know.
    """
    rows: dict[str, int] = {}
    con.execute(f"ATTACH {literal(str(folder / DATABASE))} AS release (STORAGE_VERSION '{STORAGE_VERSION}')")
    con.execute("CREATE SCHEMA release.marts")
    for table, source in sorted(sources.items()):
        columns = _portable_columns(con, source.catalog, table)
        doc = docs.get(table, TableDoc())
        names = {name for name, _ in columns}
        order = ", ".join(quoted(name) for name in doc.grain if name in names) or "ALL"
        target = f"release.marts.{quoted(table)}"
        written = con.execute(
            f"CREATE TABLE {target} AS SELECT * FROM {source.catalog}.marts.{quoted(table)} ORDER BY {order}"
        ).fetchone()
        rows[table] = int(written[0]) if written else 0
        _comment(con, target, doc, names)
        parquet = literal(str(folder / f"{table}.parquet"))
        con.execute(f"COPY {target} TO {parquet} (FORMAT parquet, COMPRESSION zstd)")
    con.execute("CHECKPOINT release")
    con.execute("DETACH release")
    return rows


def _portable_columns(con: duckdb.DuckDBPyConnection, catalog: str, table: str) -> tuple[tuple[str, str], ...]:
    columns = columns_of(con, catalog, table)
    if not columns:
        raise ReleaseError(f"marts.{table} is due but was not built; run the transform and publish again")
    for name, kind in columns:
        if kind not in PLAIN_TYPES | LIST_TYPES and not kind.startswith("DECIMAL("):
            raise ReleaseError(f"marts.{table}.{name} is {kind}, which BI readers cannot open; cast it in the model")
    return columns


def _comment(con: duckdb.DuckDBPyConnection, target: str, doc: TableDoc, names: set[str]) -> None:
    if doc.description:
        con.execute(f"COMMENT ON TABLE {target} IS {literal(doc.description.strip())}")
    for column, text in doc.columns.items():
        if text and column in names:
            con.execute(f"COMMENT ON COLUMN {target}.{quoted(column)} IS {literal(text.strip())}")


def contents(database: Path, tables: Sequence[str]) -> dict[str, Content]:
    """Re-opens a finished file read-only and reads every table in full. Raises ReleaseError when one is missing."""
    with attached(release=database) as con:
        return {table: content(con, "release", table) for table in sorted(tables)}


def content(con: duckdb.DuckDBPyConnection, catalog: str, table: str) -> Content:
    """Rows, columns and hash of ``<catalog>.marts.<table>``.

    The hash does not depend on row order, column order, integer width or engine version, and leaves out run metadata:
    each row becomes one canonical text, and the two halves of the rows' md5 are summed.
    """
    columns = columns_of(con, catalog, table)
    if not columns:
        raise ReleaseError(f"marts.{table} is missing in {catalog}")
    hashed = sorted((name, kind) for name, kind in columns if name not in RUN_COLUMNS)
    row_text = ", ".join(_canonical(name, kind) for name, kind in hashed) or "''"
    totals = con.execute(
        f"SELECT count(*), coalesce(sum(md5_number_lower(row_text)), 0), coalesce(sum(md5_number_upper(row_text)), 0) "
        f"FROM (SELECT concat_ws(chr(31), {row_text}) AS row_text FROM {catalog}.marts.{quoted(table)})"
    ).fetchall()
    rows, lower, upper = (int(value) for value in totals[0])
    signature = "|".join([*(name for name, _ in hashed), str(rows), str(lower), str(upper)])
    return Content(rows, hashlib.sha256(signature.encode()).hexdigest(), columns)


def _canonical(name: str, kind: str) -> str:
    """SQL for one value as text: null apart from empty, text with its length so that values cannot run together."""
    column = quoted(name)
    if kind == "VARCHAR":
        text = f"length({column}) || ':' || {column}"
    elif kind in LIST_TYPES:
        text = f"'v' || CAST(to_json({column}) AS VARCHAR)"
    elif kind == "DOUBLE":
        # Thirteen significant digits: the last bits of a sum may depend on the order of addition. + 0.0 ends -0.0.
        text = f"'v' || printf('%.12e', {column} + 0.0)"
    elif kind == "TIMESTAMP":
        text = f"'v' || strftime({column}, '%Y-%m-%d %H:%M:%S.%f')"
    else:
        text = f"'v' || CAST({column} AS VARCHAR)"
    return f"coalesce({text}, 'n')"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flushes a file or folder to the disk, so that a power cut cannot leave a half-written release behind a link."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
