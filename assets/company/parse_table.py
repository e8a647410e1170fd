"""Text cells to typed columns: vectorised when all is well, and naming the exact cell when not."""

from __future__ import annotations

import re

import duckdb

from assets.company.iso4217 import CURRENCIES
from assets.company.typed_table import DECIMALS, Column, Table
from assets.company.wording import SHOWN, did_you_mean, listing, shown_value
from assets.errors import InputError


def parse(con: duckdb.DuckDBPyConnection, contract: Table, text: str, where: str) -> int:
    """Make the temp table named like the contract (row_no + typed columns, defaults applied) from ``text``.

    Returns the number of rows. Raises InputError naming up to ten cells (row, column, value) that do not parse.
    Empty cells of required columns stay null: what to do with such rows is the caller's rule.
    """
    _raise_on_bad_cells(con, contract, text, where)
    cells = ", ".join(_typed(column) for column in contract.columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {contract.name} AS SELECT row_no, {cells} FROM {text}")
    return int(con.execute(f"SELECT count(*) FROM {contract.name}").fetchall()[0][0])


def _typed(column: Column) -> str:
    cell = f'"{column.name}"'
    if column.kind == "boolean":
        cell = f"lower({cell})"
    typed = f"CAST({cell} AS {column.sql_type})" if column.sql_type != "VARCHAR" else cell
    return (
        f'coalesce({typed}, {column.default}) AS "{column.name}"' if column.default else f'{typed} AS "{column.name}"'
    )


def _is_good(column: Column) -> str | None:
    """SQL that holds when the (non-null) cell parses; None when every text does. ASCII classes only: \\d is not."""
    cell = f'"{column.name}"'
    if column.kind == "text":
        return None
    if column.kind in ("date", "month"):
        day = "01" if column.kind == "month" else "[0-9]{2}"
        spelling = f"(19|[2-9][0-9])[0-9]{{2}}-[0-9]{{2}}-{day}"
        return f"(regexp_full_match({cell}, '{spelling}') AND try_cast({cell} AS DATE) IS NOT NULL)"
    if column.kind in DECIMALS:
        scale = DECIMALS[column.kind]
        return f"regexp_full_match({cell}, '-?[0-9]{{1,{18 - scale}}}(\\.[0-9]{{1,{scale}}}0*)?')"
    if column.kind == "integer":
        return f"regexp_full_match({cell}, '-?[0-9]{{1,9}}')"
    if column.kind == "boolean":
        return f"lower({cell}) IN ('true', 'false')"
    values = sorted(CURRENCIES) if column.kind == "currency" else column.values
    return f"{cell} IN ({', '.join(repr(v) for v in values)})"


def _raise_on_bad_cells(con: duckdb.DuckDBPyConnection, contract: Table, text: str, where: str) -> None:
    wrong = {
        c.name: f'("{c.name}" IS NOT NULL AND NOT {rule})'
        for c in contract.columns
        if (rule := _is_good(c)) is not None
    }
    if not wrong:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {rule})" for rule in wrong.values())
    bad = [
        (name, count)
        for name, count in zip(wrong, con.execute(f"SELECT {counts} FROM {text}").fetchall()[0], strict=True)
        if count
    ]
    if not bad:
        return
    cells = []
    for name, _ in bad:
        found = con.execute(
            f'SELECT row_no, "{name}" FROM {text} WHERE {wrong[name]} ORDER BY row_no LIMIT {SHOWN}'
        ).fetchall()
        cells += [(row_no, contract.column(name), value) for row_no, value in found]
    cells.sort(key=lambda cell: (cell[0], contract.names.index(cell[1].name)))
    lines = [
        f"row {row:,}, column {c.name}: {shown_value(value)} is not {_meaning(c, value)}" for row, c, value in cells
    ]
    total = sum(count for _, count in bad)
    first_row, first_column, _ = cells[0]
    mends = dict.fromkeys(_mend(c, value) for _, c, value in cells[:SHOWN])
    raise InputError(
        f"{total:,} {'cell' if total == 1 else 'cells'} of {contract.name} cannot be read:\n{listing(lines, total)}",
        where=f"{where}, row {first_row:,}, column {first_column.name}",
        mend="; ".join(mends),
    )


def _meaning(column: Column, value: str) -> str:
    if column.kind == "date":
        return "a date YYYY-MM-DD"
    if column.kind == "month":
        return "the first day of a month, YYYY-MM-01"
    if column.kind in DECIMALS:
        return f"a plain decimal number with at most {DECIMALS[column.kind]} decimals"
    if column.kind == "integer":
        return "a whole number"
    if column.kind == "boolean":
        return "true or false"
    if column.kind == "currency":
        return f"an ISO 4217 currency code{did_you_mean(value, CURRENCIES)}"
    return f"a known {column.name}{did_you_mean(value, column.values)}"


def _mend(column: Column, value: str) -> str:
    if column.kind in ("date", "month"):
        if re.search(r"\d/\d|\d\.\d+\.\d", value):
            return "write dates as YYYY-MM-DD (2024-03-31): 03/04/2024 is two different days on two sides of an ocean"
        if column.kind == "month":
            return "name each month by its first day, as YYYY-MM-01"
        return "write dates as YYYY-MM-DD (2024-03-31), without a time, between 1900 and 9999"
    if column.kind in DECIMALS or column.kind == "integer":
        if "," in value or "'" in value or " " in value.strip():
            return "write numbers without thousands separators and with a decimal point (1234.50)"
        return "write numbers as plain digits with a decimal point, no currency sign, no exponent (1234.50)"
    if column.kind == "boolean":
        return "write true or false"
    if column.kind == "currency":
        return "use three-letter ISO 4217 codes (USD, EUR)"
    return f"use one of: {', '.join(column.values)}"
