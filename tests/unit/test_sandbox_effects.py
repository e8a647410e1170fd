"""The planted effects are really in the data that are drawn: churn ratios, launches, segment moves, decline."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from pipelines.sandbox.accounts import draw_accounts
from pipelines.sandbox.arr import in_service
from pipelines.sandbox.build import Simulation, simulate
from pipelines.sandbox.contracts import write_book
from pipelines.sandbox.features import FEATURES, KINDS, kinds_of
from pipelines.sandbox.launches import launches
from pipelines.sandbox.spec import SandboxSpec, add_months, month_of
from pipelines.sandbox.usage import draw

BUSY = SandboxSpec(months=12, accounts=300, events_per_day=4_000)


@cache
def world() -> Simulation:
    return simulate(BUSY, 7)


def daily_use(features: tuple[str, ...], start: date, days: int) -> float:
    """Share of all drawn events that go to these features, over some days."""
    simulation = world()
    begin = (start - BUSY.first_usage_day).days
    events = draw(simulation.world, begin, begin + days, 0)
    kinds = [kind for feature in FEATURES if feature.key in features for kind in kinds_of(feature)]
    return float(np.isin(events.kind, kinds).mean())


@pytest.mark.parametrize(
    ("launch_id", "least", "most"),
    [("dashboards-refresh", 1.8, 3.0), ("automation-outage", 0.1, 0.3), ("autumn-webinars", 0.7, 1.4)],
)
def test_launches_move_use_as_the_truth_says(launch_id: str, least: float, most: float) -> None:
    launch = next(x for x in launches(BUSY) if x.launch_id == launch_id)
    days = 2 if launch.kind == "incident" else 5
    before = daily_use(launch.features, launch.starts_on - timedelta(days=28), 28)
    assert least < daily_use(launch.features, launch.starts_on, days) / before < most


def test_adopters_of_a_key_feature_leave_less_often() -> None:
    spec = SandboxSpec(months=18, accounts=2_500, events_per_day=50)
    accounts = draw_accounts(spec, 7)
    book = write_book(spec, 7, accounts)
    own = {account.account_id: account for account in accounts}
    months = [add_months(spec.first_day, n) for n in range(1, spec.months)]
    present = {
        (month, v.account_id)
        for month, v in in_service(book, [add_months(m, -1) for m in months])
        if v.status == "active"
    }
    noticed = {
        (month_of(date.fromisoformat(note["requested"] or note["on"])), note["account_id"])
        for note in book.story
        if note["what"] == "churn"
    }
    exposure: Counter[tuple[bool, str]] = Counter()
    churned: Counter[tuple[bool, str]] = Counter()
    for opened, account_id in present:
        month, account = add_months(opened, 1), own[account_id]
        adopted = account.adopted.get("automation_rules")
        cell = (adopted is not None and adopted < month, account.size_on(month))
        exposure[cell] += 1
        churned[cell] += (month, account_id) in noticed
    ratio = sum(churned[True, size] for size in ("smb", "mid_market")) / sum(
        exposure[True, size] * churned[False, size] / exposure[False, size] for size in ("smb", "mid_market")
    )
    planted = next(f.churn_ratio for f in FEATURES if f.key == "automation_rules")
    assert planted - 0.2 < ratio < planted + 0.25  # integrations and dashboards, adopted along with it, also protect


def test_use_fades_before_an_account_leaves() -> None:
    simulation = world()
    notes = [note for note in simulation.book.story if note["what"] == "churn"]
    position = {account.account_id: account.index for account in simulation.accounts}
    changes = []
    for note in notes:
        last = (date.fromisoformat(note["on"]) - BUSY.first_usage_day).days
        if 90 < last <= BUSY.days:
            keen = simulation.world.keen[position[note["account_id"]]]
            if keen[last - 75] and keen[last - 8]:
                changes.append(keen[last - 8] / keen[last - 75])
    assert changes
    assert float(np.mean(changes)) < 0.4


def test_every_kind_of_event_is_drawn_but_that_of_the_unused_feature() -> None:
    events = draw(world().world, BUSY.days - 60, BUSY.days, 0)
    unseen = {KINDS[kind].event_type for kind in range(len(KINDS)) if not (events.kind == kind).any()}
    assert unseen == {"Voice Command Issued"}
