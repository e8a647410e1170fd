"""The ARR bridge of a cell, and the accounts behind each of its movements: they add up to it, to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from assets.company.wording import shown_value
from assets.errors import InputError
from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError
from pipelines.explain.cell import Cell

OPENING, CLOSING = "opening", "closing"
_TRANSFERS = ("transfer_in", "transfer_out")
_ACCOUNT_MOVES = ("new", "reactivation", "expansion", "contraction", "churn", "fx")
_PRODUCT_MOVES = (
    "new_logo", "reactivation", "cross_sell", "product_winback", "upsell", "downsell", "product_churn", "logo_churn",
    "migration_in", "migration_out", "fx",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One account's part of one movement; ``opening`` and ``closing`` are its ARR at both ends. Reporting currency."""

    movement: str
    account_id: str
    account_name: str | None
    reason: str | None
    arr: Decimal


@dataclass(frozen=True)
class Step:
    """One line of a bridge: what the mart says, and the accounts that make it up, largest first."""

    movement: str
    arr: Decimal
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Bridge:
    """Opening, movements that are not zero, closing."""

    cell: Cell
    currency: str
    opening: Step
    steps: tuple[Step, ...]
    closing: Step

    @property
    def changes(self) -> list[Change]:
        """Every account of every line, opening first and closing last."""
        return [change for step in (self.opening, *self.steps, self.closing) for change in step.changes]


def read_bridge(con: duckdb.DuckDBPyConnection, release: Release, cell: Cell) -> Bridge:
    """The bridge of a cell from the published marts.

    Raises ReleaseError when the accounts do not add up to it: then the release contradicts itself.
    """
    stated = _stated(con, cell)
    found: dict[str, list[Change]] = {movement: [] for movement in stated}
    for change in _changes(con, cell):
        found.setdefault(change.movement, []).append(change)
    steps = {}
    for movement, changes in found.items():
        total = sum((change.arr for change in changes), Decimal())
        if total != stated.get(movement, Decimal()):
            raise ReleaseError(_contradiction(release, movement, total, stated.get(movement, Decimal())))
        ordered = sorted(changes, key=lambda change: (-abs(change.arr), change.account_id))
        steps[movement] = Step(movement, total, tuple(ordered))
    opening, closing = steps.pop(OPENING), steps.pop(CLOSING)
    moved = sum((step.arr for step in steps.values()), Decimal())
    if opening.arr + moved != closing.arr:
        raise ReleaseError(_contradiction(release, "the bridge", opening.arr + moved, closing.arr))
    return Bridge(cell, _currency(con), opening, tuple(s for s in steps.values() if s.changes), closing)


def of_account(bridge: Bridge, account_id: str) -> list[Change]:
    """The lines of one account in the bridge's order."""
    return [change for change in bridge.changes if change.account_id == account_id]


def find_account(con: duckdb.DuckDBPyConnection, text: str) -> tuple[str, str | None]:
    """Id and name of the account with this id or name, in any case. Raises InputError with the nearest otherwise."""
    wanted = text.strip().casefold()
    rows = con.execute("SELECT account_id, account_name FROM marts.dim_account ORDER BY account_id").fetchall()
    by_id = [row for row in rows if row[0].casefold() == wanted]
    by_name = [row for row in rows if (row[1] or "").casefold() == wanted]
    found = by_id or by_name
    if len(found) == 1:
        return found[0][0], found[0][1]
    if found:
        raise InputError(
            f"{len(found)} accounts are called {shown_value(text)}",
            where="--account",
            mend="name it by its id: " + ", ".join(row[0] for row in found),
        )
    alike = con.execute(
        """
        SELECT account_id || coalesce(' (' || account_name || ')', '') FROM marts.dim_account
        ORDER BY greatest(jaro_winkler_similarity(lower(account_id), $1),
                          jaro_winkler_similarity(lower(coalesce(account_name, '')), $1)) DESC, account_id LIMIT 3
        """,
        [wanted],
    ).fetchall()
    raise InputError(
        f"there is no account {shown_value(text)}",
        where="--account",
        mend="give its id or its name; the nearest are " + ", ".join(name for (name,) in alike),
    )


def _currency(con: duckdb.DuckDBPyConnection) -> str:
    row = con.execute("SELECT max(unit) FROM marts.board_metrics WHERE metric_key = 'arr'").fetchone()
    return row[0] if row and row[0] else ""


def _stated(con: duckdb.DuckDBPyConnection, cell: Cell) -> dict[str, Decimal]:
    """The bridge as the mart of this cut states it; a cell without a row is all zeros."""
    moves: tuple[str, ...] = _ACCOUNT_MOVES if cell.product_line is None else _PRODUCT_MOVES
    if cell.product_line is None and cell.segment is None:  # the segments of any one dimension are the company
        mart, where = "arr_by_segment", "dimension = (SELECT min(dimension) FROM marts.arr_by_segment)"
        values: list[object] = []
    elif cell.product_line is None:
        mart, where, values = "arr_by_segment", "dimension = ? AND segment = ?", [cell.dimension, cell.segment]
    elif cell.segment is None:
        mart, where, values = "arr_by_product_line", "product_line = ?", [cell.product_line]
    else:
        mart = "arr_by_segment_and_product_line"
        where = "dimension = ? AND segment = ? AND product_line = ?"
        values = [cell.dimension, cell.segment, cell.product_line]
    names = [OPENING, *moves, *(_TRANSFERS if cell.segment is not None else ()), CLOSING]
    sums = ", ".join(f"coalesce(sum({name}_arr), 0)" for name in names)
    row = con.execute(f"SELECT {sums} FROM marts.{mart} WHERE month_start = ? AND {where}", [cell.month, *values])
    return dict(zip(names, row.fetchall()[0], strict=True))


# Opening and closing segment of every account; without a segment everything is in one.
_PLACED = """
    SELECT p.account_id, opening.segment AS opening_segment, closing.segment AS closing_segment
    FROM accounts p
    JOIN marts.dim_account_segment opening ON opening.account_id = p.account_id AND opening.dimension = $dimension
        AND $opening_on >= opening.valid_from AND $opening_on < opening.valid_to
    JOIN marts.dim_account_segment closing ON closing.account_id = p.account_id AND closing.dimension = $dimension
        AND $closing_on >= closing.valid_from AND $closing_on < closing.valid_to
"""
_EVERYWHERE = "SELECT account_id, 'all' AS opening_segment, 'all' AS closing_segment FROM accounts"

_CHANGES = """
    WITH positions AS (
        SELECT account_id, coalesce(sum(arr) FILTER (WHERE month_start = $previous), 0) AS opening_arr,
            coalesce(sum(arr) FILTER (WHERE month_start = $month), 0) AS closing_arr
        FROM marts.fct_arr_month
        WHERE month_start IN ($previous, $month) AND ($line IS NULL OR product_line = $line)
        GROUP BY account_id
    ),
    -- a movement belongs to the segment at the beginning; what begins belongs to the one at the end
    moves AS (
        SELECT account_id, movement, arr_delta, reason,
            movement IN ('new', 'new_logo', 'reactivation') AS is_beginning
        FROM marts.fct_arr_movement
        WHERE month_start = $month AND grain = $grain AND ($line IS NULL OR product_line = $line)
    ),
    accounts AS (SELECT account_id FROM positions UNION SELECT account_id FROM moves),
    placed AS ({placed}),
    -- what is left of an account where it was, when it goes somewhere else
    leaving AS (
        SELECT account_id, opening_segment, closing_segment,
            coalesce(any_value(opening_arr), 0) + coalesce(sum(arr_delta) FILTER (WHERE NOT is_beginning), 0) AS arr
        FROM placed LEFT JOIN positions USING (account_id) LEFT JOIN moves USING (account_id)
        WHERE opening_segment <> closing_segment
        GROUP BY account_id, opening_segment, closing_segment
    ),
    changes AS (
        SELECT 'opening' AS movement, account_id, NULL AS reason, opening_arr AS arr
        FROM positions JOIN placed USING (account_id) WHERE opening_segment = $segment
        UNION ALL
        SELECT movement, account_id, reason, arr_delta
        FROM moves JOIN placed USING (account_id)
        WHERE CASE WHEN is_beginning THEN closing_segment ELSE opening_segment END = $segment
        UNION ALL
        SELECT 'transfer_in', account_id, 'from ' || opening_segment, arr FROM leaving WHERE closing_segment = $segment
        UNION ALL
        SELECT 'transfer_out', account_id, 'to ' || closing_segment, -arr FROM leaving WHERE opening_segment = $segment
        UNION ALL
        SELECT 'closing', account_id, NULL, closing_arr
        FROM positions JOIN placed USING (account_id) WHERE closing_segment = $segment
    )
    SELECT movement, account_id, account_name, reason, arr::DECIMAL(18, 2)
    FROM changes LEFT JOIN marts.dim_account USING (account_id) WHERE arr <> 0
"""


def _changes(con: duckdb.DuckDBPyConnection, cell: Cell) -> list[Change]:
    values = {
        "month": cell.month,
        "previous": cell.previous_month,
        "line": cell.product_line,
        "grain": "account" if cell.product_line is None else "product",
        "segment": cell.segment or "all",
    }
    placed = _EVERYWHERE
    if cell.segment is not None:
        placed = _PLACED
        values |= {"dimension": cell.dimension, "opening_on": cell.opening_on, "closing_on": cell.closing_on}
    return [Change(*row) for row in con.execute(_CHANGES.format(placed=placed), values).fetchall()]


def _contradiction(release: Release, movement: str, found: Decimal, stated: Decimal) -> str:
    held = ", ".join(release.manifest.held_back)
    why = (
        f"{held} of this release is held back and older than the rest: refresh, and ask again"
        if held
        else "no figure of this release is to be trusted: refresh, and ask the data team if it stays"
    )
    return f"{movement}: accounts add up to {found:,.2f}, the published table says {stated:,.2f}; {why}"
