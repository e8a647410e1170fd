"""Which cell of the ARR tables is meant: month, segment and product line as people write them."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from assets.company.wording import nearest, shown_value
from assets.errors import InputError
from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError

# What is read of the release, so that a release without money says so and not which table it lacks.
_NEEDED = ("fct_arr_month", "fct_arr_movement", "arr_by_segment", "arr_by_product_line", "dim_account_segment")
_MOST_LISTED = 30


@dataclass(frozen=True)
class Asked:
    """What the caller wrote; everything may be left out."""

    month: str | None = None
    dimension: str | None = None
    segment: str | None = None
    product_line: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of the ARR tables in one month; without segment all segments, without product line all lines.

    ``opening_on`` and ``closing_on`` are the days whose state the month opens and closes with.
    """

    month: date
    opening_on: date
    closing_on: date
    dimension: str | None
    segment: str | None
    product_line: str | None

    @property
    def is_complete(self) -> bool:
        """Whether the month is over, as far as finance has spoken."""
        return self.closing_on == _last_day(self.month)

    @property
    def previous_month(self) -> date:
        return self.opening_on.replace(day=1)


def find_cell(con: duckdb.DuckDBPyConnection, release: Release, asked: Asked, dimensions: Sequence[str]) -> Cell:
    """The cell that is meant. ``dimensions``: in the order of company.yaml; the first that knows the segment is taken.

    Names are matched in any case. Raises InputError with what there is for one that is not known; ReleaseError when the
    release holds no ARR.
    """
    if any(name not in release.manifest.tables for name in _NEEDED):
        raise ReleaseError("this release holds no ARR tables yet: finance was not handed over, or they are held back")
    as_of = date.fromisoformat(release.manifest.tables["fct_arr_month"].as_of or "0001-01-01")
    month = _month(con, asked.month)
    dimension, segment = _segment(con, asked, dimensions)
    return Cell(
        month=month,
        opening_on=month - timedelta(days=1),
        closing_on=min(_last_day(month), as_of),
        dimension=dimension,
        segment=segment,
        product_line=_product_line(con, asked.product_line),
    )


def _last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _month(con: duckdb.DuckDBPyConnection, text: str | None) -> date:
    months = con.execute("SELECT DISTINCT month_start FROM marts.arr_by_segment ORDER BY 1").fetchall()
    if not months:
        raise ReleaseError("the ARR tables of this release are empty: there are no contracts, or none that count")
    first: date = months[0][0]
    last: date = months[-1][0]
    if text is None:
        return last
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise InputError(
            f"{shown_value(text)} is not a month", where="--month", mend="write it as YYYY-MM, e.g. 2026-09"
        )
    month = date.fromisoformat(f"{text}-01")
    if not first <= month <= last:
        raise InputError(
            f"there is no ARR for {text}", where="--month", mend=f"take a month from {first:%Y-%m} to {last:%Y-%m}"
        )
    return month


def _segment(con: duckdb.DuckDBPyConnection, asked: Asked, dimensions: Sequence[str]) -> tuple[str | None, str | None]:
    rows = con.execute("SELECT DISTINCT dimension, segment FROM marts.dim_account_segment ORDER BY ALL").fetchall()
    known: dict[str, list[str]] = {name: [] for name in dimensions if name in {row[0] for row in rows}}
    for name, value in rows:
        known.setdefault(name, []).append(value)
    searched = dict(known)
    if asked.dimension is not None:
        dimension = _matched(asked.dimension, list(known), "dimension", "--dimension")
        searched = {dimension: known[dimension]}
        if asked.segment is None:
            raise InputError(
                f"--dimension {dimension} alone says nothing",
                where="--dimension",
                mend=f"name one of its segments with --segment: {_listed(known[dimension])}",
            )
    if asked.segment is None:
        return None, None
    for name, values in searched.items():
        for value in values:
            if value.casefold() == asked.segment.strip().casefold():
                return name, value
    guess = nearest(asked.segment, [value for values in searched.values() for value in values])
    there = "; ".join(f"{name}: {_listed(values)}" for name, values in searched.items())
    raise InputError(
        f"there is no segment {shown_value(asked.segment)}" + (f" (did you mean {guess}?)" if guess else ""),
        where="--segment",
        mend=f"take one of these. {there}",
    )


def _product_line(con: duckdb.DuckDBPyConnection, text: str | None) -> str | None:
    if text is None:
        return None
    rows = con.execute("SELECT DISTINCT product_line FROM marts.arr_by_product_line ORDER BY 1").fetchall()
    return _matched(text, [line for (line,) in rows], "product line", "--product-line")


def _matched(text: str, known: Sequence[str], what: str, option: str) -> str:
    for name in known:
        if name.casefold() == text.strip().casefold():
            return name
    guess = nearest(text, known)
    raise InputError(
        f"there is no {what} {shown_value(text)}" + (f" (did you mean {guess}?)" if guess else ""),
        where=option,
        mend=f"take one of these: {_listed(known)}",
    )


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {rest:,} more" if rest > 0 else "")
