"""Closing a month: what was published is frozen, once, under conditions; reopening it is said aloud and kept.

Only figures that people can rely on are frozen: those of the current release. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from assets.board.close_records import Record, append, closes_root, in_force, month_of, records
from assets.board.close_tables import BRIDGE, FROZEN
from assets.company.calendar import add_months, month_end
from assets.durable import sha256_of
from assets.errors import InputError
from assets.home import Home

_SHOWN = 5


@dataclass(frozen=True)
class Published:
    """The release whose figures are to be frozen.

    ``database`` with its SHA-256 as the release states it; ``complete_to``: last date its money speaks for;
    ``held_back``: the checks that hold its money back, none when it went out.
    """

    release_id: str
    database: Path
    sha256: str
    complete_to: date | None
    held_back: Sequence[str]


def close_month(
    home: Home, published: Published, month: str, run_id: str, why: str | None = None, now: datetime | None = None
) -> Record:
    """Freeze a month of the published money figures as a new record. The caller holds the refresh lock.

    ``now`` (aware) stands in for the clock. Raises InputError when the month may not be closed, and
    writes nothing then.
    """
    month_start = month_of(month)
    found = records(home)
    _refuse_closed(home, found, month)
    _refuse_unreliable(published, month_start)
    with _opened(published) as con:
        _refuse_out_of_order(con, home, found, month_start)
        _refuse_failing_tie_out(con, published, month_start)
        basis = _basis(con, published)
        facts = {
            "month": month, "kind": "close", "why": why, "closed_at": _utc_text(now), "run_id": run_id,
            "release_id": published.release_id, **basis,
        }  # fmt: skip
        return append(home, facts, lambda folder, number: _freeze(con, published, month_start, folder, number))


def reopen_month(home: Home, month: str, why: str | None, run_id: str, now: datetime | None = None) -> Record:
    """Record that a closed month is open again; what was closed stays where it is. The caller holds the refresh lock.

    Raises InputError without a reason, for a month that is not closed, and while a later month is closed.
    """
    month_of(month)
    reason = checked_reason(month, why)
    found = records(home)
    closed = in_force(found)
    if month not in closed:
        raise InputError(
            f"{month} is not closed",
            where=str(closes_root(home)),
            mend="closed months: " + (", ".join(closed) or "none"),
        )
    if max(closed) != month:
        raise InputError(
            f"{max(closed)} is closed after {month}: its opening is what {month} was closed with",
            where=str(closes_root(home)),
            mend=f"reopen {max(closed)} first, or leave {month} closed: corrections show in marts.restatements",
        )
    facts = {"month": month, "kind": "reopen", "why": reason, "closed_at": _utc_text(now), "run_id": run_id}
    return append(home, facts, lambda folder, number: {})


def checked_reason(month: str, why: str | None) -> str:
    """The reason for a reopening. Raises InputError without one."""
    if not (why or "").strip():
        raise InputError(
            f"reopening {month} needs a reason",
            where="--why",
            mend=f'say why: lens close {month} --reopen --why "…"; it is kept with the record',
        )
    return str(why).strip()


# ---------------------------------------------------------------- what may not be closed


def _refuse_closed(home: Home, found: Sequence[Record], month: str) -> None:
    closed = in_force(found).get(month)
    if closed:
        raise InputError(
            f"{month} is already closed (record {closed.number}, {closed.closed_at}, release {closed.release_id})",
            where=str(closed.folder),
            mend="corrections show in marts.restatements by themselves; to close it anew, reopen it first:"
            f' lens close {month} --reopen --why "…"',
        )


def _refuse_unreliable(published: Published, month_start: date) -> None:
    month, release = f"{month_start:%Y-%m}", f"release {published.release_id}"
    if published.held_back:
        raise InputError(
            f"{month} cannot be closed: money is held back, what {release} shows is older",
            where="checks that hold it back: " + ", ".join(published.held_back),
            mend="mend what they name (`lens status`), refresh, close again",
        )
    end = month_end(month_start)
    if published.complete_to is None or published.complete_to < end:
        speaks = f"speaks for {published.complete_to}" if published.complete_to else "has no money"
        raise InputError(
            f"{month} cannot be closed: it is not complete, {release} {speaks}",
            where=f"finance as-of date, needed: {end}",
            mend=f"hand over finance data that speaks for {end} (finance.as_of, --until), refresh, close again",
        )


def _refuse_out_of_order(
    con: duckdb.DuckDBPyConnection, home: Home, found: Sequence[Record], month_start: date
) -> None:
    month, where = f"{month_start:%Y-%m}", str(closes_root(home))
    with_money = {
        f"{start:%Y-%m}" for (start,) in con.execute("SELECT DISTINCT month_start FROM marts.fct_arr_month").fetchall()
    }
    if month not in with_money:
        raise InputError(
            f"{month} cannot be closed: the release holds no money for it",
            where="marts.fct_arr_month",
            mend="close a month that has money; see `lens show`",
        )
    if not found:
        return
    first = min(record.month for record in found)
    if month < first:
        raise InputError(
            f"{month} is before the first month that was closed, {first}",
            where=where,
            mend="months close in order; what came before the first one stays as it is",
        )
    still_open = sorted(m for m in with_money if first <= m < month and m not in in_force(found))
    if still_open:
        raise InputError(
            f"{month} cannot be closed while {still_open[0]} is open: months close in order",
            where=where,
            mend=f"first: lens close {still_open[0]}",
        )


def _refuse_failing_tie_out(con: duckdb.DuckDBPyConnection, published: Published, month_start: date) -> None:
    rows = con.execute(
        "SELECT check_key, lens, lens_value, difference, unexplained FROM marts.tie_out"
        " WHERE month_start = ? AND status = 'fail' ORDER BY check_key, lens, lens_value",
        [month_start],
    ).fetchall()
    if rows:
        lines = [
            f"{check} {lens} {value}: off by {difference:,.2f}, {unexplained:,.2f} of it unexplained"
            for check, lens, value, difference, unexplained in rows[:_SHOWN]
        ]
        more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
        raise InputError(
            f"{month_start:%Y-%m} cannot be closed: {len(rows)} of its tie-out checks fail: " + "; ".join(lines + more),
            where=f"marts.tie_out of release {published.release_id}",
            mend="settle them with finance, refresh, close again: every failure blocks sign-off",
        )


# ---------------------------------------------------------------- freezing


@contextmanager
def _opened(published: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    """The released file, after a look at whether it is what was released."""
    if not published.database.is_file() or sha256_of(published.database) != published.sha256:
        raise InputError(
            f"release {published.release_id} is not what was published",
            where=str(published.database),
            mend="publish again (`lens refresh`), then close",
        )
    with duckdb.connect(str(published.database), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def _basis(con: duckdb.DuckDBPyConnection, published: Published) -> dict[str, str]:
    """The hashes of what the published money was computed from, and its currency."""
    names = ("source_hash", "policy_hash", "definition_hash", "reporting_currency")
    if not _has_mart(con, "money_basis"):
        raise InputError(
            f"release {published.release_id} does not say what its money was computed from: it is of an older version",
            where="marts.money_basis",
            mend="refresh, close again",
        )
    row = con.execute(f"SELECT {', '.join(names)} FROM marts.money_basis").fetchall()[0]
    return dict(zip(names, map(str, row), strict=True))


def _freeze(
    con: duckdb.DuckDBPyConnection, published: Published, month_start: date, folder: Path, number: int
) -> Mapping[str, int]:
    queries = _queries(con, month_start, number)
    _refuse_disagreeing(con, queries, published, month_start)
    rows = {}
    for name, (query, parameters) in queries.items():
        path = folder / f"{name}.parquet"
        columns = ", ".join(f"CAST({column} AS {kind}) AS {column}" for column, kind in FROZEN[name].items())
        con.execute(
            f"COPY (SELECT {columns} FROM ({query}) ORDER BY ALL) TO '{str(path).replace(chr(39), chr(39) * 2)}'"
            " (FORMAT parquet, COMPRESSION zstd)",
            parameters,
        )
        rows[path.name] = int(con.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()[0][0])
    return rows


def _queries(con: duckdb.DuckDBPyConnection, month_start: date, number: int) -> dict[str, tuple[str, list[date]]]:
    """Frozen file → the query over the release that fills it, and its parameters."""
    of_month = f"SELECT *, {number} AS close_number FROM marts.{{}} WHERE month_start = ?"
    segments = f"""
        SELECT DISTINCT fct.month_start, {number} AS close_number, fct.account_id, segments.dimension, segments.segment
        FROM marts.fct_arr_month fct JOIN marts.dim_account_segment segments USING (account_id)
        WHERE fct.month_start = ? AND ? >= segments.valid_from AND ? < segments.valid_to
    """
    board = f"""
        SELECT ?::DATE AS month_start, {number} AS close_number, * FROM marts.board_metrics
        WHERE ((period_type = 'month' AND period_start = ?) OR (period_type = 'quarter' AND period_start = ?))
            AND is_complete
    """
    end = month_end(month_start)
    return {
        "arr_month": (of_month.format("fct_arr_month"), [month_start]),
        "account_segments": (segments, [month_start, end, end]),
        "movements": (of_month.format("fct_arr_movement"), [month_start]),
        "segment_bridge": (of_month.format("arr_by_segment"), [month_start]),
        "board_metrics": (board, [month_start, month_start, add_months(month_start, -2)]),
    }


def _refuse_disagreeing(
    con: duckdb.DuckDBPyConnection,
    queries: Mapping[str, tuple[str, list[date]]],
    published: Published,
    month_start: date,
) -> None:
    """What is frozen must agree with itself: accounts may be published apart from money, and be of another day."""
    (arr, of_arr), (segments, of_segments) = queries["arr_month"], queries["account_segments"]
    bridge, of_bridge = queries["segment_bridge"]
    moved = " + ".join(f"{name}_arr" for name in BRIDGE)
    off = con.execute(
        f"""
        WITH by_account AS (SELECT account_id, sum(arr) AS arr FROM ({arr}) GROUP BY account_id),
        placed AS (
            SELECT dimension, segment, sum(arr) AS arr FROM by_account JOIN ({segments}) USING (account_id) GROUP BY ALL
        ),
        bridge AS (SELECT dimension, segment, closing_arr, opening_arr + {moved} AS adds_to FROM ({bridge}))
        SELECT dimension, segment FROM placed FULL JOIN bridge USING (dimension, segment)
        WHERE coalesce(arr, 0) <> coalesce(closing_arr, 0) OR coalesce(adds_to, 0) <> coalesce(closing_arr, 0)
        ORDER BY ALL
        """,
        [*of_arr, *of_segments, *of_bridge],
    ).fetchall()
    if off:
        names = ", ".join(f"{dimension} {segment}" for dimension, segment in off[:_SHOWN])
        raise InputError(
            f"{month_start:%Y-%m} cannot be closed: segments of accounts and segment ARR do not agree ({names})",
            where=f"dim_account_segment and arr_by_segment of release {published.release_id}",
            mend="one of them is of an older release: mend what `lens status` names, refresh, close again",
        )


def _has_mart(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'marts' AND table_name = ?", [name]
    ).fetchall()
    return bool(found[0][0])


def _utc_text(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
