"""Intervals that claim one thing twice: found in SQL, and settled row by row only where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

from assets.company.wording import listing
from assets.errors import InputError
from assets.finance.rules import Rule, quarantine

_OPEN_END, _OPEN_START = date(9999, 12, 31), date(1, 1, 1)

# table → (columns that make up one claim, from, to, order in which rows are believed)
_CLAIMS: dict[str, tuple[tuple[str, ...], str, str, tuple[str, ...]]] = {
    "account_segments": (("account_id", "dimension"), "valid_from", "valid_to", ("valid_from", "valid_to", "value")),
    "subscription_items": (("item_id",), "effective_from", "effective_to", ("version_no",)),
    "identity_map": (("amplitude_value", "account_id"), "valid_from", "valid_to", ("valid_from", "valid_to", "method")),
}


def quarantine_overlaps(con: duckdb.DuckDBPyConnection, where: Mapping[str, str]) -> None:
    """Of overlapping rows the one believed first stays (earliest segment, lowest version), the other is quarantined
    and names it. Raises InputError when one Amplitude value belongs to two accounts at once."""
    _raise_on_shared_values(con, where.get("identity_map", ""))
    for table in _CLAIMS:
        _settle(con, table)


def _settle(con: duckdb.DuckDBPyConnection, table: str) -> None:
    claim, start, end, order = _CLAIMS[table]
    claimed = ", ".join(claim)
    # Candidates only: claims in which some row begins before an earlier one has ended.
    rows = con.execute(
        f"""
        WITH bounded AS (
            SELECT row_no, {claimed}, coalesce({start}, DATE '0001-01-01') AS starts,
                coalesce({end}, DATE '9999-12-31') AS ends,
                {", ".join(f'"{c}" AS order_{n}' for n, c in enumerate(order))}
            FROM {table}
        ),
        marked AS (
            SELECT *, starts < max(ends) OVER (
                PARTITION BY {claimed} ORDER BY starts, ends, row_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS is_overlapping
            FROM bounded
        )
        SELECT row_no, starts, ends, {claimed}
        FROM marked SEMI JOIN (SELECT {claimed} FROM marked WHERE is_overlapping) contested USING ({claimed})
        ORDER BY {claimed}, {", ".join(f"order_{n} NULLS LAST" for n in range(len(order)))}, row_no
        """
    ).fetchall()
    if not rows:
        return
    bad = _losers(rows, " × ".join(claim))
    con.execute("CREATE OR REPLACE TEMP TABLE overlapping(row_no BIGINT, detail VARCHAR)")
    con.executemany("INSERT INTO overlapping VALUES (?, ?)", bad)
    quarantine(con, Rule(table, "SELECT row_no, 'overlap' AS reason, detail FROM overlapping"))


def _losers(rows: Sequence[tuple[Any, ...]], claim_names: str) -> list[tuple[int, str]]:
    """Rows (row_no, starts, ends, *claim), sorted by claim and belief, that overlap one believed before them."""
    kept: dict[tuple[object, ...], list[tuple[int, date, date]]] = {}
    bad = []
    for row_no, starts, ends, *claim in rows:
        believed = kept.setdefault(tuple(claim), [])
        other = next((k for k in believed if k[1] < ends and starts < k[2]), None)
        if other is None:
            believed.append((row_no, starts, ends))
        else:
            names = " × ".join(str(part) for part in claim)
            bad.append(
                (row_no, f"{claim_names} {names}: {_span(starts, ends)} overlaps {_span(*other[1:])} of row {other[0]}")
            )
    return bad


def _raise_on_shared_values(con: duckdb.DuckDBPyConnection, where: str) -> None:
    found = con.execute(
        """
        WITH bounded AS (
            SELECT row_no, amplitude_value, account_id,
                coalesce(valid_from, DATE '0001-01-01') AS starts, coalesce(valid_to, DATE '9999-12-31') AS ends
            FROM identity_map
        )
        SELECT a.row_no, b.row_no, a.amplitude_value, a.account_id, b.account_id, count(*) OVER () AS total
        FROM bounded a JOIN bounded b ON a.amplitude_value = b.amplitude_value AND a.account_id < b.account_id
            AND a.starts < b.ends AND b.starts < a.ends
        ORDER BY least(a.row_no, b.row_no), greatest(a.row_no, b.row_no) LIMIT 10
        """
    ).fetchall()
    if found:
        lines = [f"{value!r}: account {a} (row {i}) and account {b} (row {j})" for i, j, value, a, b, _ in found]
        raise InputError(
            f"an Amplitude value belongs to two accounts at once:\n{listing(lines, found[0][5])}",
            where=f"{where}, rows {found[0][0]} and {found[0][1]}, column amplitude_value",
            mend="end one mapping (valid_to) where the other begins (valid_from), or remove the wrong one",
        )


def _span(starts: date, ends: date) -> str:
    return f"[{'…' if starts == _OPEN_START else starts}, {'…' if ends == _OPEN_END else ends})"
