"""A CSV or Parquet file as a table of text cells with row numbers, inside a DuckDB connection.

Nothing is interpreted here: reading and parsing are apart, so that a cell which does not parse can be
named with its row and its own spelling. Empty cells are null. Rows are numbered as a spreadsheet shows
them (header = row 1) for CSV, from 1 for Parquet.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from assets.company.typed_table import DECIMALS, Table
from assets.company.wording import did_you_mean, listing, shown_value
from assets.errors import InputError

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


def read_text(con: duckdb.DuckDBPyConnection, contract: Table, path: Path, where: str) -> str:
    """Make the temp table or view ``text_<name>`` (row_no BIGINT, every contract column VARCHAR) and return its name.

    Blank lines are left out but keep their row number. Raises InputError for anything that is not a
    well-formed table with exactly the columns of the contract (optional ones may be missing).
    """
    name = f"text_{contract.name}"
    if path.suffix.lower() == ".parquet":
        _read_parquet(con, contract, path, where, name)
    else:
        arrow = _read_csv(contract, path, where)
        con.register(f"cells_{contract.name}", arrow)  # read in place: a copy of a large file is a large copy
        cells = ", ".join(f'"{c}"' if c in arrow.column_names else f'NULL::VARCHAR AS "{c}"' for c in contract.names)
        given = ", ".join(f'"{c}"' for c in contract.names if c in arrow.column_names)
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT row_no, {cells} FROM cells_{contract.name} "
            f"WHERE coalesce({given}) IS NOT NULL"
        )
    return name


def check_header(contract: Table, header: list[str], where: str) -> None:
    """Raise one InputError that lists every unknown, repeated and missing column."""
    findings = []
    unused = [c for c in contract.names if c not in header]
    for column in header:
        if column not in contract.names:
            findings.append(f"unknown column {shown_value(column)}{did_you_mean(column, unused or contract.names)}")
    findings += [f"column {c} is there {n} times" for c, n in Counter(header).items() if n > 1 and c in contract.names]
    findings += [f"missing column {c}" for c in contract.required if c not in header]
    if not findings:
        return
    columns = ", ".join(c.name + ("*" if c.required else "") for c in contract.columns)
    mend = f"give the columns these names: {columns} (* required)"
    if len(header) == 1 and any(s in header[0] for s in ";\t|"):
        mend = "save the file with commas between the columns; " + mend
    raise InputError(
        f"the header does not fit the table {contract.name}:\n{listing(findings)}", where=f"{where}, row 1", mend=mend
    )


def _decoded(path: Path, where: str) -> bytes:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("the file is UTF-16, not UTF-8", where=where, mend="save it again as 'CSV UTF-8'")
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    data = data.removeprefix(mark)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the file is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start + len(mark):,}",
            where=f"{where}, row {row:,}",
            mend="save it again as 'CSV UTF-8' (the byte is probably an accented letter of a Windows code page)",
        ) from error
    if b"\x00" in data:
        row = data.count(b"\n", 0, data.index(b"\x00")) + 1
        raise InputError(
            "the file holds a NUL byte: it is not a text file",
            where=f"{where}, row {row:,}",
            mend="export the table again as CSV",
        )
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # line ends of old Mac spreadsheets
    return data if data.endswith(b"\n") else data + b"\n"


def _read_csv(contract: Table, path: Path, where: str) -> pa.Table:
    data = _decoded(path, where)
    first_line = data.split(b"\n", 1)[0].decode("utf-8").rstrip("\r")
    header = next(csv.reader(io.StringIO(first_line)), [])
    if not header:
        raise InputError(
            "the file has no header", where=f"{where}, row 1", mend=f"start it with: {','.join(contract.names)}"
        )
    check_header(contract, header, where)
    ragged: list[tuple[int, int]] = []

    def note(row: pc.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    table = pc.read_csv(
        pa.BufferReader(data),
        # One thread: only then are ragged rows given their number. Blank lines are kept for the same reason.
        read_options=pc.ReadOptions(use_threads=False, skip_rows=1, column_names=header, block_size=1 << 24),
        parse_options=pc.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    if data.count(b'"') % 2:
        raise InputError(
            "a quoted cell is never closed",
            where=f"{where}, row {table.num_rows + len(ragged) + 1:,}",
            mend='close the quote, and write a quote inside a quoted cell twice ("")',
        )
    if ragged:
        lines = [f"row {number:,} has {cells} cells, the header {len(header)}" for number, cells in ragged]
        raise InputError(
            f"rows of uneven length:\n{listing(lines)}",
            where=f"{where}, row {ragged[0][0]:,}",
            mend="quote cells that hold a comma, write decimals with a point and no thousands separator",
        )
    return table.append_column("row_no", pa.array(np.arange(2, table.num_rows + 2)))


def _read_parquet(con: duckdb.DuckDBPyConnection, contract: Table, path: Path, where: str, name: str) -> None:
    try:
        described = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise InputError(
            "the file is not readable as Parquet",
            where=where,
            mend="write the file again; an upload may have been cut short",
        ) from error
    check_header(contract, [row[0] for row in described], where)
    types = {row[0]: str(row[1]) for row in described}
    cells = []
    for column in contract.names:
        cell = _parquet_cell(contract, column, types[column], where) if column in types else "NULL::VARCHAR"
        cells.append(f"nullif({cell}, '') AS \"{column}\"")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT file_row_number + 1 AS row_no, {', '.join(cells)} "
        "FROM read_parquet(?, file_row_number = true)",
        [str(path)],
    )


def _parquet_cell(contract: Table, column: str, sql_type: str, where: str) -> str:
    """SQL that spells a Parquet value the way a CSV would: exact, or so that the parser refuses it."""
    cell, kind = f'"{column}"', contract.column(column).kind
    if sql_type in {"FLOAT", "DOUBLE"} and kind in DECIMALS:
        # A binary float is taken only when the contract's decimals hold it exactly.
        exact = f"try_cast({cell} AS DECIMAL(18,{DECIMALS[kind]}))"
        return f"CASE WHEN {exact}::{sql_type} = {cell} THEN {exact}::VARCHAR ELSE {cell}::VARCHAR END"
    if sql_type.startswith("TIMESTAMP") and sql_type != "TIMESTAMP WITH TIME ZONE" and kind in {"date", "month"}:
        return f"CASE WHEN {cell} = {cell}::DATE THEN {cell}::DATE::VARCHAR ELSE {cell}::VARCHAR END"
    readable = sql_type in _INTEGERS | {"VARCHAR", "DATE", "BOOLEAN", "FLOAT", "DOUBLE"} or sql_type.startswith(
        ("DECIMAL", "TIMESTAMP", "ENUM")
    )
    if not readable or (kind in {"text", "enum", "currency"} and sql_type in {"FLOAT", "DOUBLE"}):
        raise InputError(
            f"the Parquet type {sql_type} cannot be read as {kind}",
            where=f"{where}, column {column}",
            mend=f"write the column as text or as {contract.column(column).sql_type}",
        )
    return f"{cell}::VARCHAR"
