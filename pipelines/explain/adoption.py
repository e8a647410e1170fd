"""An adoption figure and the accounts behind it: counted one by one they are the published figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError
from pipelines.explain.adoption_cell import AdoptionCell

# In the order they are shown: what counts as adoption, what does not, what is apart.
STATES = ("established", "tried", "lapsed", "never", "off_entitlement", "formerly")


@dataclass(frozen=True)
class Member:
    """One account that may use the feature or ever used it. ARR is in the reporting currency, None without money.

    ``state`` is that of account_adoption, but off_entitlement without use in the 28 days is ``formerly``.
    """

    account_id: str
    account_name: str | None
    state: str
    entitled: bool
    first_used_on: date | None
    last_used_on: date | None
    established_on: date | None
    days_28d: int
    users_28d: int
    arr: Decimal | None


@dataclass(frozen=True)
class Figures:
    """The columns of marts.adoption that a list of accounts decides."""

    entitled_accounts: int
    adopted_ever: int
    adopted_established: int
    current_accounts: int
    off_entitlement_accounts: int
    entitled_arr: Decimal
    adopted_arr: Decimal


@dataclass(frozen=True)
class Explained:
    """A figure with its accounts, largest ARR first; ``basis`` says what entitles an account, None where none is."""

    cell: AdoptionCell
    basis: str | None
    currency: str
    figures: Figures
    members: tuple[Member, ...]

    @property
    def has_money(self) -> bool:
        return any(member.arr is not None for member in self.members)

    def of_state(self, state: str) -> list[Member]:
        return [member for member in self.members if member.state == state]


def read_adoption(con: duckdb.DuckDBPyConnection, release: Release, cell: AdoptionCell) -> Explained:
    """The figure of a cell and its accounts from the published marts.

    Raises ReleaseError when the accounts do not add up to it: then the release contradicts itself.
    """
    basis, stated = _stated(con, cell)
    members = _members(con, cell)
    counted = _counted(members)
    for name, value in vars(counted).items():
        if value != getattr(stated, name):
            raise ReleaseError(_contradiction(release, name, value, getattr(stated, name)))
    return Explained(cell, basis, _currency(con, release), stated, members)


_NAMES = tuple(Figures.__dataclass_fields__)


def _stated(con: duckdb.DuckDBPyConnection, cell: AdoptionCell) -> tuple[str | None, Figures]:
    """The figures as marts.adoption states them; a cell without a row is all zeros."""
    values = ", ".join(f"coalesce({name}, 0)" for name in _NAMES)
    row = con.execute(
        f"""
        SELECT denominator_basis, {values} FROM marts.adoption
        WHERE month_start = ? AND dimension = ? AND segment = ? AND scope = 'feature' AND scope_key = ?
        """,
        [cell.month, cell.dimension or "all", cell.segment or "all", cell.feature_key],
    ).fetchone()
    if row is None:
        return None, _counted(())
    return row[0], Figures(*row[1:])


def _members(con: duckdb.DuckDBPyConnection, cell: AdoptionCell) -> tuple[Member, ...]:
    rows = con.execute(
        """
        SELECT account_id, account_name,
            CASE WHEN state = 'off_entitlement' AND days_28d = 0 THEN 'formerly' ELSE state END,
            entitled, first_used_on, last_used_on, established_on, days_28d, users_28d, arr
        FROM marts.account_adoption LEFT JOIN marts.dim_account USING (account_id)
        WHERE month_start = $month AND feature_key = $feature
            AND ($segment IS NULL OR account_id IN (
                SELECT account_id FROM marts.dim_account_segment
                WHERE dimension = $dimension AND segment = $segment AND $day >= valid_from AND $day < valid_to
            ))
        ORDER BY coalesce(arr, 0) DESC, account_id
        """,
        {"month": cell.month, "feature": cell.feature_key, "day": cell.day, "dimension": cell.dimension,
         "segment": cell.segment},
    ).fetchall()  # fmt: skip
    return tuple(Member(*row) for row in rows)


def _counted(members: Sequence[Member]) -> Figures:
    entitled = [member for member in members if member.entitled]
    current = [member for member in entitled if member.days_28d > 0]
    return Figures(
        entitled_accounts=len(entitled),
        adopted_ever=sum(member.first_used_on is not None for member in entitled),
        adopted_established=sum(member.established_on is not None for member in entitled),
        current_accounts=len(current),
        off_entitlement_accounts=sum(member.state == "off_entitlement" for member in members),
        entitled_arr=arr_of(entitled),
        adopted_arr=arr_of(current),
    )


def arr_of(members: Sequence[Member]) -> Decimal:
    """ARR of the accounts together."""
    return sum((member.arr for member in members if member.arr is not None), Decimal())


def _currency(con: duckdb.DuckDBPyConnection, release: Release) -> str:
    """The reporting currency, which the board's metrics name; a release without them does not know it."""
    if "board_metrics" not in release.manifest.tables:
        return ""
    row = con.execute("SELECT max(unit) FROM marts.board_metrics WHERE metric_key = 'arr'").fetchone()
    return row[0] if row and row[0] else ""


def _contradiction(release: Release, name: str, counted: object, stated: object) -> str:
    held = ", ".join(release.manifest.held_back)
    why = (
        f"{held} of this release is held back and older than the rest: refresh, and ask again"
        if held
        else "no figure of this release is to be trusted: refresh, and ask the data team if it stays"
    )
    return f"{name}: the accounts give {counted:,}, the published table says {stated:,}; {why}"
