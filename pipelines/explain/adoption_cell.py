"""Which adoption figure is meant: feature, month and segment as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from assets.company.wording import nearest, shown_value
from assets.errors import InputError
from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError
from pipelines.explain.names import last_day, listed, month_of, segment_of

_NEEDED = ("adoption", "account_adoption", "dim_feature", "dim_account", "dim_account_segment")


@dataclass(frozen=True)
class AskedAdoption:
    """What the caller wrote; only the feature may not be left out."""

    feature: str | None = None
    month: str | None = None
    dimension: str | None = None
    segment: str | None = None


@dataclass(frozen=True)
class AdoptionCell:
    """A feature in one month; without segment all accounts. ``day`` is the date whose state the month shows."""

    feature_key: str
    feature_name: str
    month: date
    day: date
    dimension: str | None
    segment: str | None

    @property
    def is_complete(self) -> bool:
        """Whether the month is over, as far as usage and money are known."""
        return self.day == last_day(self.month)


def find_adoption(
    con: duckdb.DuckDBPyConnection, release: Release, asked: AskedAdoption, dimensions: Sequence[str]
) -> AdoptionCell:
    """The figure that is meant. ``dimensions``: in the order of company.yaml; the first that knows the segment is it.

    Names are matched in any case. Raises InputError with what there is for one that is not known; ReleaseError when the
    release holds no adoption.
    """
    if any(name not in release.manifest.tables for name in _NEEDED):
        raise ReleaseError(
            "this release holds no adoption tables yet: no refresh published them, or they are held back"
        )
    feature_key, feature_name = _feature(con, asked.feature)
    months = con.execute("SELECT DISTINCT month_start FROM marts.adoption ORDER BY 1").fetchall()
    if not months:
        raise ReleaseError(
            "the adoption tables of this release are empty: features.csv maps no event, or none came yet"
        )
    month = month_of(asked.month, [month for (month,) in months], "adoption")
    as_of = date.fromisoformat(release.manifest.tables["adoption"].as_of or "0001-01-01")
    return AdoptionCell(
        feature_key, feature_name, month, min(last_day(month), as_of),
        *segment_of(con, asked.dimension, asked.segment, dimensions),
    )  # fmt: skip


def _feature(con: duckdb.DuckDBPyConnection, text: str | None) -> tuple[str, str]:
    """Key and name of the feature with this key or name."""
    rows = con.execute(
        "SELECT feature_key, coalesce(feature_name, feature_key), feature_set, product_line FROM marts.dim_feature "
        "ORDER BY feature_key"
    ).fetchall()
    if not rows:
        raise ReleaseError("this release knows no feature: features.csv maps no event")
    keys = [row[0] for row in rows]
    if text is None:
        raise InputError("no feature is named", where="--feature", mend=f"take one of these: {listed(keys)}")
    wanted = text.strip().casefold()
    found = [row for row in rows if row[0].casefold() == wanted] or [row for row in rows if row[1].casefold() == wanted]
    if len(found) == 1:
        return found[0][0], found[0][1]
    if found:
        raise InputError(
            f"{len(found)} features are called {shown_value(text)}",
            where="--feature",
            mend=f"name it by its key: {listed([row[0] for row in found])}",
        )
    for what, column in (("feature set", 2), ("product line", 3)):
        members = [row[0] for row in rows if (row[column] or "").casefold() == wanted]
        if members:
            raise InputError(
                f"{shown_value(text)} is a {what}, not a feature",
                where="--feature",
                mend=f"take one of its features: {listed(members)}",
            )
    guess = nearest(text, [name for row in rows for name in row[:2]])
    raise InputError(
        f"there is no feature {shown_value(text)}" + (f" (did you mean {guess}?)" if guess else ""),
        where="--feature",
        mend=f"take one of these: {listed(keys)}",
    )
