"""Builds a release's files: ``product_lens.duckdb``, which old clients can open, and one Parquet file per mart.

Large marts grow with history while a day changes little of them. So the build starts from a copy of the current
release's file and replaces only the dates whose rows differ; figures of the rest, and Parquet files of unchanged marts,
are carried over. Small marts and every twentieth release are written anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from assets.durable import sha256_of
from assets.serving.manifest import Release, TableEntry
from assets.serving.snapshot import (
    DATABASE,
    Bucket,
    Content,
    ReleaseError,
    Source,
    TableDoc,
    attached,
    bucket_hashes,
    bucket_of,
    columns_of,
    content,
    literal,
    portable_columns,
    quoted,
)

# The oldest format that every client from 1.0 on reads; COMMENT ON is part of it.
STORAGE_VERSION = "v1.0.0"
# Up to here a mart is written anew when anything in it changed: its rows stay in grain order.
SMALL_ROWS = 200_000
# Bounds the empty space that replaced rows leave in the file.
ANEW_EVERY = 20


@dataclass(frozen=True)
class Built:
    """One table of the new file: its content, and its rows per bucket if they were written (None: carried over)."""

    content: Content
    written: Mapping[Bucket, tuple[int, int]] | None


def build_files(
    warehouse: Path,
    folder: Path,
    number: int,
    sources: Mapping[str, Source],
    docs: Mapping[str, TableDoc],
    former: Release | None,
    anew: bool = False,
) -> dict[str, Content]:
    """Writes database and Parquet files into ``folder``, reads the database back and gives each table's content.

    ``anew``: the file does not start from a copy of the former one, in whose empty space former rows lie.

    Raises ReleaseError when a mart is missing, has a type that old readers do not know, when the former release is
    damaged and its tables are needed, or when the file does not read back as it was written.
    """
    target = folder / DATABASE
    base = former if former and _copy(former, target) else None
    needs_former = any(source.catalog == "former" or source.held for source in sources.values())
    if former and not base and needs_former:
        raise ReleaseError(f"{former.path / DATABASE} is not the file its manifest describes; roll back or mend checks")
    if (anew or number % ANEW_EVERY == 0) and base and not needs_former:
        target.unlink()
        base = None
    with attached(build=warehouse) as con:
        con.execute(f"ATTACH {literal(str(target))} AS release (STORAGE_VERSION '{STORAGE_VERSION}')")
        built = _write_tables(con, sources, docs, base)
        for table, made in built.items():
            _write_parquet(con, folder, table, base if made.written is None else None)
        con.execute("CHECKPOINT release")
        con.execute("DETACH release")
    if target.with_name(f"{DATABASE}.wal").exists():
        raise ReleaseError("the release file was not closed cleanly; publish again")
    _read_back(target, built)
    return {table: made.content for table, made in built.items()}


def _copy(former: Release, target: Path) -> bool:
    """Copies the former release's database; False when it is not the file that its manifest describes."""
    source = former.path / DATABASE
    if not source.is_file():
        return False
    shutil.copyfile(source, target)
    if sha256_of(target) == former.manifest.files[DATABASE]["sha256"]:
        return True
    target.unlink()
    return False


def _write_tables(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], docs: Mapping[str, TableDoc], base: Release | None
) -> dict[str, Built]:
    entries = base.manifest.tables if base else {}
    con.execute("CREATE SCHEMA IF NOT EXISTS release.marts")
    _mix_all(con, sources, docs)
    con.execute("BEGIN")
    for table in entries:
        if table not in sources:
            con.execute(f"DROP TABLE release.marts.{quoted(table)}")
    built: dict[str, Built] = {}
    for table, source in sorted(sources.items()):
        entry, doc = entries.get(table), docs.get(table, TableDoc())
        if source.catalog == "former":
            built[table] = Built(_carried(con, table, entries[table]), None)
        else:
            built[table] = _put(con, table, entry, doc, "mixed" if source.held else "build")
    con.execute("COMMIT")
    return built


def _carried(con: duckdb.DuckDBPyConnection, table: str, entry: TableEntry) -> Content:
    return Content(entry.rows, int(entry.row_sum), columns_of(con, "release", table))


def _mix_all(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], docs: Mapping[str, TableDoc]) -> None:
    """Catalog ``mixed``: the marts whose rows go out group by group. A transaction writes to one file only, so they are
    put together before the release's begins."""
    con.execute("ATTACH ':memory:' AS mixed")
    con.execute("CREATE SCHEMA mixed.marts")
    for table, source in sources.items():
        rows_by = docs.get(table, TableDoc()).rows_by
        if source.held and rows_by:
            _mix(con, table, rows_by, source.held)


def _mix(con: duckdb.DuckDBPyConnection, table: str, rows_by: str, held: Sequence[str]) -> None:
    """``mixed.marts.<table>``: rows of the build but for groups that are held back; theirs are the former release's.

    A former table of other columns has no rows that could stand beside the new ones: those groups are left out.
    """
    columns, name, group = portable_columns(con, "build", table), quoted(table), quoted(rows_by)
    con.execute(
        f"CREATE TABLE mixed.marts.{name} AS SELECT * FROM build.marts.{name} WHERE NOT list_contains(?, {group})",
        [list(held)],
    )
    if columns_of(con, "release", table) == columns:
        con.execute(
            f"INSERT INTO mixed.marts.{name} SELECT * FROM release.marts.{name} WHERE list_contains(?, {group})",
            [list(held)],
        )


def _put(con: duckdb.DuckDBPyConnection, table: str, entry: TableEntry | None, doc: TableDoc, source: str) -> Built:
    """Makes the table what the source holds: carried over, its changed dates replaced, or written anew."""
    columns = portable_columns(con, source, table)
    new = bucket_hashes(con, source, table, columns)
    rows = sum(count for count, _ in new.values())
    target = f"release.marts.{quoted(table)}"
    if entry and columns_of(con, "release", table) == columns:
        old = bucket_hashes(con, "release", table, columns)
        changed = [bucket for bucket in old.keys() | new.keys() if old.get(bucket) != new.get(bucket)]
        carried = _carried(con, table, entry)
        if not changed:
            _comment(con, target, doc, columns)
            return Built(carried, None)
        if rows > SMALL_ROWS and sum(new.get(bucket, (0, 0))[0] for bucket in changed) * 2 < rows:
            return Built(_replace(con, table, columns, doc, changed, carried, source), new)
    con.execute(
        f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM {source}.marts.{quoted(table)} "
        + (f"ORDER BY {_order(columns, doc)}" if rows <= SMALL_ROWS else "")
    )
    _comment(con, target, doc, columns)
    return Built(content(con, source, table), new)


def _replace(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[tuple[str, str], ...],
    doc: TableDoc,
    changed: list[Bucket],
    carried: Content,
    source: str,
) -> Content:
    """Replaces the rows of the changed buckets; the content follows by taking the old rows off and adding the new."""
    target, bucket = f"release.marts.{quoted(table)}", bucket_of(columns)
    gone, come = (content(con, catalog, table, changed) for catalog in ("release", source))
    _comment(con, target, doc, columns)
    con.execute(f"DELETE FROM {target} WHERE {bucket} IN (SELECT unnest(?::DATE[]))", [changed])
    con.execute(
        f"INSERT INTO {target} SELECT * FROM {source}.marts.{quoted(table)} "
        f"WHERE {bucket} IN (SELECT unnest(?::DATE[])) ORDER BY {_order(columns, doc)}",
        [changed],
    )
    return Content(carried.rows - gone.rows + come.rows, carried.row_sum - gone.row_sum + come.row_sum, columns)


def _order(columns: tuple[tuple[str, str], ...], doc: TableDoc) -> str:
    names = {name for name, _ in columns}
    return ", ".join(quoted(name) for name in doc.grain if name in names) or "ALL"


def _comment(con: duckdb.DuckDBPyConnection, target: str, doc: TableDoc, columns: tuple[tuple[str, str], ...]) -> None:
    names = {name for name, _ in columns}
    if doc.description:
        con.execute(f"COMMENT ON TABLE {target} IS {literal(doc.description.strip())}")
    for column, text in doc.columns.items():
        if text and column in names:
            con.execute(f"COMMENT ON COLUMN {target}.{quoted(column)} IS {literal(text.strip())}")


def _write_parquet(con: duckdb.DuckDBPyConnection, folder: Path, table: str, base: Release | None) -> None:
    """The table as zstd Parquet; an unchanged one shares the former release's file, if that is still sound."""
    path = folder / f"{table}.parquet"
    former = base.path / path.name if base else None
    if base and former and former.is_file() and sha256_of(former) == base.manifest.files[path.name]["sha256"]:
        os.link(former, path)
        return
    con.execute(f"COPY release.marts.{quoted(table)} TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _read_back(database: Path, built: Mapping[str, Built]) -> None:
    """Re-opens the finished file read-only: written tables are read in full and compared, carried ones are counted."""
    with attached(release=database) as con:
        for table, made in built.items():
            if made.written is not None:
                sound = bucket_hashes(con, "release", table, made.content.columns) == dict(made.written)
            else:
                found = con.execute(f"SELECT count(*) FROM release.marts.{quoted(table)}").fetchall()
                sound = found[0][0] == made.content.rows
            if not sound:
                raise ReleaseError(f"marts.{table} does not read back as it was written; publish again")
