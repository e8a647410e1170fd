"""The feature registry (features.csv) and the launches (launches.csv): contracts and typed rows."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict

from assets.company.typed_table import Column, Table

FEATURES = Table(
    "features",
    (
        Column("feature_key", required=True),
        Column("feature_name", required=True),
        Column("feature_set", required=True),
        Column("product_line", required=True),
        Column("event_type", required=True),
        Column("property"),
        Column("property_value"),
        Column("launched_on", "date"),
        Column("is_core", "boolean", default="false"),
        Column("owner"),
        Column("team"),
    ),
    about="which events are which feature of which product line",
)
LAUNCHES = Table(
    "launches",
    (
        Column("launch_id", required=True),
        Column("name", required=True),
        Column("kind", "enum", required=True, values=("release", "campaign", "pricing", "incident", "other")),
        Column("starts_on", "date", required=True),
        Column("ends_on", "date"),
        Column("segments"),
        Column("features"),
        Column("metrics"),
        Column("expected_direction", "enum", values=("up", "down")),
        Column("expected_lag_days", "integer", default="3"),
        Column("owner"),
        Column("url"),
    ),
    key=("launch_id",),
    about="releases, campaigns, outages: what may explain a spike",
)
CONSTANT_PER_FEATURE = ("feature_name", "feature_set", "product_line", "owner", "team", "launched_on", "is_core")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureRule(_Row):
    """One row of features.csv: events that match it are use of the feature. ``rule_no`` counts from 1 in file order;
    ``event_type`` may hold the wildcards * and ?."""

    rule_no: int
    feature_key: str
    feature_name: str
    feature_set: str
    product_line: str
    event_type: str
    property: str | None = None
    property_value: str | None = None
    launched_on: date | None = None
    is_core: bool = False
    owner: str | None = None
    team: str | None = None


class Launch(_Row):
    """One row of launches.csv; ``ends_on`` is the last day (inclusive), empty lists mean all."""

    launch_id: str
    name: str
    kind: str
    starts_on: date
    ends_on: date | None = None
    segments: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    expected_direction: str | None = None
    expected_lag_days: int = 3
    owner: str | None = None
    url: str | None = None


def split_list(cell: Any) -> tuple[str, ...]:
    """The entries of a ``|``-separated cell, without the blanks around them."""
    return tuple(part.strip() for part in cell.split("|") if part.strip()) if cell else ()
