"""Releases, campaigns and incidents of the sandbox company, with the effect on usage that each one truly had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from pipelines.sandbox.catalogue import SIZE_SEGMENTS
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.spec import SandboxSpec


@dataclass(frozen=True)
class Launch:
    """One row of ``launches.csv`` and, not in that file, its PLANTED effect: use of ``features`` by accounts of
    ``segments`` is multiplied by ``factor`` on the first day; the excess decays to nothing over ``effect_days``
    (an incident keeps its factor until ``ends_on``). A factor of 1 is a launch that changed nothing."""

    launch_id: str
    name: str
    kind: str
    starts_on: date
    ends_on: date | None
    segments: tuple[str, ...]
    features: tuple[str, ...]
    direction: str
    lag_days: int
    owner: str
    factor: float = 1.0
    effect_days: int = 0


def launches(spec: SandboxSpec) -> tuple[Launch, ...]:
    """All launches, oldest first."""
    outage = spec.at(0.62)
    automation = tuple(f.key for f in FEATURES if f.line == "automation")
    return (
        Launch(
            "saved-views-2",
            "Saved views for teams",
            "release",
            spec.at(0.38),
            None,
            ("mid_market",),
            ("saved_views",),
            "up",
            2,
            "Ben Okoye",
            2.2,
            21,
        ),
        Launch(
            "assistant-ga",
            "Assistant is generally available",
            "release",
            spec.at(0.5),
            None,
            (),
            ("assistant_chat", "assistant_summary"),
            "up",
            3,
            "Ines Duarte",
        ),
        Launch(
            "price-rise",
            "List prices up by eight per cent",
            "pricing",
            spec.month_at(0.6),
            None,
            (),
            (),
            "up",
            30,
            "finance",
        ),
        Launch(
            "automation-outage",
            "Automation queue outage",
            "incident",
            outage,
            outage + timedelta(days=1),
            (),
            automation,
            "down",
            0,
            "Emil Novak",
            0.15,
            2,
        ),
        Launch(
            "dashboards-refresh",
            "Dashboards refresh",
            "release",
            spec.at(0.72),
            None,
            (),
            ("dashboards",),
            "up",
            1,
            "Grace Lindqvist",
            3.0,
            14,
        ),
        Launch(
            "autumn-webinars",
            "Webinar series",
            "campaign",
            spec.at(0.82),
            spec.at(0.86),
            ("smb", "mid_market"),
            ("templates",),
            "up",
            3,
            "marketing",
        ),
    )


def effects(spec: SandboxSpec, days: int) -> NDArray[np.float32]:
    """Size × feature × day: the factor on use, day 0 being the first day with events."""
    table = np.ones((len(SIZE_SEGMENTS), len(FEATURES), days), dtype=np.float32)
    keys = [feature.key for feature in FEATURES]
    for launch in launches(spec):
        for step in range(launch.effect_days):
            day = (launch.starts_on - spec.first_usage_day).days + step
            if 0 <= day < days:
                share = 1.0 if launch.kind == "incident" else 1 - step / launch.effect_days
                for size in launch.segments or SIZE_SEGMENTS:
                    for key in launch.features:
                        table[SIZE_SEGMENTS.index(size), keys.index(key), day] *= 1 + (launch.factor - 1) * share
    return table
