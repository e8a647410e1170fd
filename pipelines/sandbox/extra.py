"""One more day for a company that is already built: what arrives the next morning, at a volume of choice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from assets.errors import InputError
from pipelines.sandbox.build import DAY_NUMBERS, SandboxPaths, close_last_hour, simulate
from pipelines.sandbox.events import ORIGINAL, Events
from pipelines.sandbox.export import Exporter, write_zip
from pipelines.sandbox.flaws import spoil
from pipelines.sandbox.fragments import Fragments
from pipelines.sandbox.spec import VERSION, SandboxSpec, local_midnight_utc
from pipelines.sandbox.usage import DAY_US, SECOND_US, SESSIONS_A_DAY, World, draw, midnights

_EVENTS_A_SESSION = 12
_MOST_PACE = 3.0  # people come up to three times as often; beyond that they open more sessions


def built_spec(company: Path) -> tuple[SandboxSpec, int]:
    """Spec and seed that a company folder was built with; InputError if it is no sandbox company of this version."""
    marker = SandboxPaths(company.parent).marker
    found = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else {}
    if found.get("simulator") != VERSION:
        raise InputError(
            "no sandbox company of this version", where=str(marker), mend="build the sandbox company again"
        )
    spec = found["spec"] | {"last_day": date.fromisoformat(found["spec"]["last_day"])}
    return SandboxSpec(**spec), int(found["seed"])


def extra_day(company: Path, day: date, events: int, seed: int = 7, late_share: float = 0.01) -> Path:
    """Add one zip with all upload hours of the local ``day``, exactly ``events`` records, and return its path.

    Users and features are those of the history's last day of the same weekday. ``late_share`` of the records happened
    one to three days earlier. The day must lie after the history; its last hour always has a member, so that the
    day is complete. Nothing in the truth file counts these records.
    """
    spec, built_with = built_spec(company)
    if day <= spec.last_day:
        raise InputError(
            f"{day} is already in the history", where=str(company), mend=f"choose a day after {spec.last_day}"
        )
    world = simulate(spec, built_with).world
    start, end = (round(local_midnight_utc(d).timestamp()) * SECOND_US for d in (day, day + timedelta(days=1)))
    found = _enough(world, day, events, seed, start, end)
    rng = np.random.default_rng([seed, 41, day.toordinal()])
    chosen = found.take(np.sort(rng.permutation(len(found))[:events]))
    chosen = close_last_hour(_make_late(chosen, late_share, rng), end)
    path = company / "events" / f"northwind_extra_{day.isoformat()}.zip"
    exporter = Exporter(Fragments(world.accounts, world.users), built_with)
    try:
        temporary = path.with_suffix(".part")
        write_zip(temporary, exporter.members(chosen))
        temporary.replace(path)
    finally:
        exporter.close()
    return path


def _enough(world: World, day: date, events: int, seed: int, start: int, end: int) -> Events:
    """At least ``events`` records that are uploaded within the day."""
    spec = world.spec
    offset = world.days - 1 - (spec.last_day.weekday() - day.weekday()) % 7
    people = world.activity(offset, offset + 1).sum() / world.pace
    world.pace = min(_MOST_PACE, max(1.0, events / (people * SESSIONS_A_DAY * _EVENTS_A_SESSION)))
    active = world.activity(offset, offset + 1).sum()
    sessions = max(SESSIONS_A_DAY, events / (active * _EVENTS_A_SESSION))
    shift = start - int(midnights(spec.first_usage_day, world.days)[offset])
    wanted = 1.2
    while True:
        world.per_session = np.full(world.days, max(1.0, wanted * events / (active * sessions) - 1))
        number = (day.toordinal() - world.first) * DAY_NUMBERS
        drawn = draw(world, offset, offset + 1, number, stream=1_000 + seed, sessions_a_day=sessions)
        moved = spoil(_shifted(drawn, shift), seed, number)
        inside = moved.take((moved.upload_us >= start) & (moved.upload_us < end))
        if len(inside) >= events:
            return inside
        wanted *= 1.3


def _shifted(events: Events, by_us: int) -> Events:
    session = np.where(events.session_ms >= 0, events.session_ms + by_us // 1000, -1)
    return events.but(
        event_us=events.event_us + by_us,
        received_us=events.received_us + by_us,
        upload_us=events.upload_us + by_us,
        session_ms=session,
    )


def _make_late(events: Events, share: float, rng: np.random.Generator) -> Events:
    is_late = (rng.random(len(events)) < share) & (events.copy == ORIGINAL)
    back = np.where(is_late, rng.integers(1, 4, len(events)) * DAY_US, 0)
    return events.but(event_us=events.event_us - back)


def history_of(days: int, events_per_day: int, accounts: int = 200) -> SandboxSpec:
    """A history of so many days at the same expected volume every day, ending where the standard sizes end.

    Histories that differ in ``days`` alone have the same customers and contracts, so that benchmarks compare only
    the length of the event history.
    """
    return replace(
        SandboxSpec(months=13, accounts=accounts, events_per_day=events_per_day), usage_days=days, flat_volume=True
    )
