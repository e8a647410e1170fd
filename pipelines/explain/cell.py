"""Which cell of the ARR tables is meant: month, segment and product line as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError
from pipelines.explain.names import last_day, matched, month_of, segment_of

# What is read of the release, so that a release without money says so and not which table it lacks.
_NEEDED = ("fct_arr_month", "fct_arr_movement", "arr_by_segment", "arr_by_product_line", "dim_account_segment")


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
        return self.closing_on == last_day(self.month)

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
    dimension, segment = segment_of(con, asked.dimension, asked.segment, dimensions)
    return Cell(
        month=month,
        opening_on=month - timedelta(days=1),
        closing_on=min(last_day(month), as_of),
        dimension=dimension,
        segment=segment,
        product_line=_product_line(con, asked.product_line),
    )


def _month(con: duckdb.DuckDBPyConnection, text: str | None) -> date:
    months = con.execute("SELECT DISTINCT month_start FROM marts.arr_by_segment ORDER BY 1").fetchall()
    if not months:
        raise ReleaseError("the ARR tables of this release are empty: there are no contracts, or none that count")
    return month_of(text, [month for (month,) in months], "ARR")


def _product_line(con: duckdb.DuckDBPyConnection, text: str | None) -> str | None:
    if text is None:
        return None
    rows = con.execute("SELECT DISTINCT product_line FROM marts.arr_by_product_line ORDER BY 1").fetchall()
    return matched(text, [line for (line,) in rows], "product line", "--product-line")
