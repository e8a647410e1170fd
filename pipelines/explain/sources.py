"""The source rows behind an account's ARR: contract versions, discounts and rates, from the build warehouse.

The warehouse is the pipeline's own: it is opened for one short read, and only while no refresh runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from assets.errors import InputError
from assets.home import Home
from assets.serving.manifest import Release
from assets.warehouse import read
from pipelines.explain.cell import Cell
from pipelines.lock import refresh_lock


@dataclass(frozen=True)
class Rated:
    """Published ARR of one product line and currency at a month's end: ``arr_local`` × ``fx_rate`` = ``arr``."""

    month: date
    product_line: str
    currency: str
    arr_local: Decimal
    fx_rate: Decimal
    arr: Decimal


@dataclass(frozen=True)
class Version:
    """One terms version of a contract item, with its ARR at both month ends in the currency of the contract.

    ``serves_to``: the day it stops serving, exclusive, after replacement, grace and vanishing; None without an end.
    """

    item_id: str
    version_no: int
    product_id: str
    product_lines: str
    status: str
    effective_from: date
    serves_to: date | None
    quantity: Decimal
    unit_amount: Decimal
    interval: str
    interval_count: int
    pricing_model: str
    committed_amount: Decimal | None
    currency: str
    end_reason: str | None
    replaces_item_id: str | None
    signed_date: date | None
    cancel_requested_at: date | None
    opening_arr: Decimal
    gross_arr: Decimal
    closing_arr: Decimal


@dataclass(frozen=True)
class Discount:
    """A discount that is in force on a day of the month, of an item or of a whole subscription."""

    discount_id: str
    target: str
    kind: str
    value: Decimal
    duration: str
    starts_on: date
    ends_on: date | None
    currency: str | None


@dataclass(frozen=True)
class Stated:
    """Minimum mode: a row of arr_month as finance handed it over."""

    month: date
    product_line: str
    currency: str
    arr: Decimal


@dataclass(frozen=True)
class Sources:
    """What finance handed over about the account, as far as it touches the month, and from which delivery it is.

    ``is_of_release``: False when the warehouse was built anew since, or the money of the release is an older one.
    """

    delivery: str
    is_of_release: bool
    versions: tuple[Version, ...]
    discounts: tuple[Discount, ...]
    stated: tuple[Stated, ...]


def read_rates(con: duckdb.DuckDBPyConnection, cell: Cell, account_id: str) -> tuple[Rated, ...]:
    """The account's published ARR at both month ends, by product line and currency."""
    rows = con.execute(
        """
        SELECT month_start, product_line, currency, arr_local, fx_rate, arr FROM marts.fct_arr_month
        WHERE month_start IN (?, ?) AND account_id = ? AND arr_local <> 0
            AND (?::VARCHAR IS NULL OR product_line = ?)
        ORDER BY month_start, arr DESC, product_line, currency
        """,
        [cell.previous_month, cell.month, account_id, cell.product_line, cell.product_line],
    ).fetchall()
    return tuple(Rated(*row) for row in rows)


def read_sources(home: Home, release: Release, cell: Cell, account_id: str) -> Sources:
    """The source rows of an account that serve, begin or end in the cell's month or at its beginning.

    Raises InputError while a refresh runs, and where there is no whole warehouse.
    """
    if not home.warehouse.exists():
        raise InputError(
            "the source rows are not on this machine: there is no build warehouse",
            where=str(home.warehouse),
            mend="ask where `lens refresh` runs, or leave --account out: everything else is in the release",
        )
    values = {"account": account_id, "month": cell.month, "previous": cell.previous_month,
              "first": cell.opening_on, "last": cell.closing_on, "line": cell.product_line}  # fmt: skip
    try:
        with refresh_lock(home), read(home.warehouse) as con:
            built = con.execute("SELECT run_id FROM raw.refresh").fetchone()
            delivery = con.execute("SELECT delivery_number, landed_on, as_of FROM raw.finance_state").fetchall()[0]
            return Sources(
                delivery="finance delivery {} (landed {}, as of {})".format(*delivery),
                is_of_release=built == (release.manifest.run_id,) and "money" not in release.manifest.held_back,
                versions=tuple(Version(*row) for row in _select(con, _VERSIONS, values)),
                discounts=tuple(Discount(*row) for row in _select(con, _DISCOUNTS, values)),
                stated=tuple(Stated(*row) for row in _select(con, _STATED, values)),
            )
    except duckdb.CatalogException as error:  # a warehouse that was deleted and not yet built again
        raise InputError(
            "the build warehouse is not whole", where=str(home.warehouse), mend="let `lens refresh` end, and ask again"
        ) from error


def _select(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object]) -> list[tuple[Any, ...]]:
    """Rows of a query that binds some of the values."""
    return con.execute(sql, {name: value for name, value in values.items() if f"${name}" in sql}).fetchall()


_VERSIONS = """
    WITH lines AS (
        SELECT product_id, string_agg(DISTINCT product_line, ' + ' ORDER BY product_line) AS product_lines,
            list(DISTINCT product_line) AS names
        FROM intermediate.int_money__product_lines
        WHERE $last >= valid_from AND $last < valid_to
        GROUP BY product_id
    ),
    worth AS (
        SELECT item_id, version_no,
            sum(net_annual_e12) FILTER (WHERE month_start = $previous) / 1e12 AS opening_arr,
            sum(gross_annual_e12) FILTER (WHERE month_start = $month) / 1e12 AS gross_arr,
            sum(net_annual_e12) FILTER (WHERE month_start = $month) / 1e12 AS closing_arr
        FROM intermediate.int_money__item_months
        WHERE account_id = $account AND month_start IN ($previous, $month)
        GROUP BY item_id, version_no
    )
    SELECT items.item_id, items.version_no, items.product_id, coalesce(lines.product_lines, 'unassigned'),
        items.status, items.effective_from, nullif(terms.service_to, DATE '9999-12-31'), items.quantity,
        items.unit_amount, items.billing_interval, items.interval_count, items.pricing_model, items.committed_amount,
        items.currency, items.end_reason, items.replaces_item_id, items.signed_date, items.cancel_requested_at,
        coalesce(worth.opening_arr, 0)::DECIMAL(18, 2), coalesce(worth.gross_arr, 0)::DECIMAL(18, 2),
        coalesce(worth.closing_arr, 0)::DECIMAL(18, 2)
    FROM staging.stg_finance__subscription_items AS items
    JOIN intermediate.int_money__item_terms AS terms USING (item_id, version_no)
    LEFT JOIN lines ON lines.product_id = items.product_id
    LEFT JOIN worth ON worth.item_id = items.item_id AND worth.version_no = items.version_no
    WHERE items.account_id = $account
        AND ($line IS NULL OR coalesce(list_contains(lines.names, $line), $line = 'unassigned'))
        AND items.effective_from <= $last AND terms.service_to > $first
    ORDER BY items.item_id, items.effective_from, items.version_no
"""

_DISCOUNTS = """
    SELECT discount_id, coalesce('item ' || discounts.item_id, 'subscription ' || discounts.subscription_id), kind,
        discount_value, duration, starts_on, ends_on, discounts.currency
    FROM staging.stg_finance__discounts AS discounts
    WHERE starts_on <= $last AND coalesce(ends_on, DATE '9999-12-31') > $first
        AND EXISTS (
            SELECT 1 FROM staging.stg_finance__subscription_items AS items
            WHERE items.account_id = $account AND (
                items.item_id = discounts.item_id
                OR (discounts.item_id IS NULL AND items.subscription_id = discounts.subscription_id)
            )
        )
    ORDER BY discount_id
"""

_STATED = """
    SELECT month_start, product_line, currency, arr_local
    FROM staging.stg_finance__arr_month JOIN staging.stg_finance__state AS state ON state.mode = 'minimum'
    WHERE account_id = $account AND month_start IN ($previous, $month) AND ($line IS NULL OR product_line = $line)
    ORDER BY month_start, product_line, currency
"""
