"""Months, segments and names as people write them: in any case, and answered with what there is when unknown."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date

import duckdb

from assets.company.wording import nearest, shown_value
from assets.errors import InputError

_MOST_LISTED = 30


def last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def month_of(text: str | None, months: Sequence[date], what: str) -> date:
    """The month that is meant; without text the last of ``months``, which are in order. ``what`` there is none of in
    another month. Raises InputError."""
    first, last = months[0], months[-1]
    if text is None:
        return last
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise InputError(
            f"{shown_value(text)} is not a month", where="--month", mend="write it as YYYY-MM, e.g. 2026-09"
        )
    month = date.fromisoformat(f"{text}-01")
    if not first <= month <= last:
        raise InputError(
            f"there is no {what} for {text}", where="--month", mend=f"take a month from {first:%Y-%m} to {last:%Y-%m}"
        )
    return month


def segment_of(
    con: duckdb.DuckDBPyConnection, dimension: str | None, segment: str | None, dimensions: Sequence[str]
) -> tuple[str | None, str | None]:
    """Dimension and segment that are meant, or neither. ``dimensions``: in the order of company.yaml; the first that
    knows the segment is taken. Raises InputError."""
    rows = con.execute("SELECT DISTINCT dimension, segment FROM marts.dim_account_segment ORDER BY ALL").fetchall()
    known: dict[str, list[str]] = {name: [] for name in dimensions if name in {row[0] for row in rows}}
    for name, value in rows:
        known.setdefault(name, []).append(value)
    searched = dict(known)
    if dimension is not None:
        found = matched(dimension, list(known), "dimension", "--dimension")
        searched = {found: known[found]}
        if segment is None:
            raise InputError(
                f"--dimension {found} alone says nothing",
                where="--dimension",
                mend=f"name one of its segments with --segment: {listed(known[found])}",
            )
    if segment is None:
        return None, None
    for name, values in searched.items():
        for value in values:
            if value.casefold() == segment.strip().casefold():
                return name, value
    guess = nearest(segment, [value for values in searched.values() for value in values])
    there = "; ".join(f"{name}: {listed(values)}" for name, values in searched.items())
    raise InputError(
        f"there is no segment {shown_value(segment)}" + (f" (did you mean {guess}?)" if guess else ""),
        where="--segment",
        mend=f"take one of these. {there}",
    )


def matched(text: str, known: Sequence[str], what: str, option: str) -> str:
    """The known name that is meant. Raises InputError with the nearest and what there is."""
    for name in known:
        if name.casefold() == text.strip().casefold():
            return name
    guess = nearest(text, known)
    raise InputError(
        f"there is no {what} {shown_value(text)}" + (f" (did you mean {guess}?)" if guess else ""),
        where=option,
        mend=f"take one of these: {listed(known)}",
    )


def listed(names: Sequence[str]) -> str:
    """The names, the first thirty of them."""
    rest = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {rest:,} more" if rest > 0 else "")
