"""Usage loaded in any order and chunking, with late events, ends in the marts that one full build makes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.usage_loader import Loader
from support.usage_reference import Row
from support.usage_world import DAYS, UsageHome, company_tables, events, ledger, merges


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_and_chunking_ends_in_the_same_marts(seed: int, tmp_path: Path, tmp_path_factory: Any) -> None:
    target, rng = tmp_path_factory.getbasetemp() / "dbt_usage", random.Random(seed)
    everything, tables = events(seed), company_tables()
    held = datetime(2024, 3, 10, 6)
    # the first chunk is mostly old, the last mostly new; every chunk holds some events of any date
    order = sorted(everything, key=lambda event: event["occurred_at"] + timedelta(days=rng.choice([-40, 0, 0, 0, 60])))
    cuts = [0, *sorted(rng.sample(range(30, len(order) - 30), 2)), len(order)]
    chunks = [order[a:b] for a, b in pairwise(cuts)]
    parts = Loader(UsageHome(tmp_path / "parts.duckdb", target), dict(tables))
    parts.load(chunks[0], ledger(30), "2024-03-31", merges=merges(0, 4))
    repeats = rng.sample(chunks[0], 12)  # and some events turn out to repeat others
    parts.load(chunks[1], ledger(60, held=held), "2024-03-31", times=2, merges=merges(0, 1, 4, 6), gone=repeats)
    parts.load(chunks[2], ledger(DAYS - 4), "2024-04-10", merges=merges(*range(7)))
    whole = Loader(UsageHome(tmp_path / "whole.duckdb", target), dict(tables))
    whole.load(
        [event for event in everything if event not in repeats],
        ledger(DAYS - 4),
        "2024-04-10",
        merges=merges(*range(7)),
    )
    found, expected = parts.contents(), whole.contents()
    for mart, rows in expected.items():
        assert found[mart] == rows, mart
        assert rows, f"{mart} has no row to compare"


def _event(at: str, user: str = "u1", **columns: Any) -> Row:
    moment = datetime.fromisoformat(at)
    defaults = {
        "uuid": f"{user}{at}", "upload_hour": moment.replace(minute=0), "is_time_corrected": False, "session_id": 5,
        "event_type": "Report Viewed", "feature_properties": {}, "user_id": user, "amplitude_id": 1, "device_id": "d",
    }  # fmt: skip
    return {**defaults, "occurred_at": moment, **columns}


def test_a_late_name_or_mark_moves_the_users_other_dates(tmp_path: Path, tmp_path_factory: Any) -> None:
    """u1 gets an account only by an event that lands later; u2 turns out to be internal; u3 is named on two dates, and
    the events between follow the earlier, the events before the first follow the first."""
    loader = Loader(UsageHome(tmp_path / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage"), company_tables())
    early = [
        _event("2024-02-10T12:00:00"), _event("2024-02-20T12:00:00"),
        _event("2024-02-10T12:00:00", "u2", account_group="org-2"),
        _event("2024-02-12T12:00:00", "u3"), _event("2024-02-16T12:00:00", "u3"), _event("2024-02-22T12:00:00", "u3"),
        _event("2024-02-20T12:00:00", "u3", account_group="org-3"),
    ]  # fmt: skip
    loader.load(early, ledger(20), "2024-03-31")
    days = "SELECT local_date::varchar, account_id FROM marts.fct_user_activity_day WHERE user_key = '{}' ORDER BY 1"
    assert loader.home.query(days.format("u1")) == [("2024-02-10", None), ("2024-02-20", None)]
    assert loader.home.query(days.format("u2")) == [("2024-02-10", "a2")]
    assert [account for _, account in loader.home.query(days.format("u3"))] == ["a3", "a3", "a3", "a3"]
    late = [
        _event("2024-02-15T12:00:00", account_group="org-1"),
        _event("2024-02-18T12:00:00", "u2", email_domain="own.com"),
        _event("2024-02-14T12:00:00", "u3", account_group="org-2"),
    ]
    loader.load(late, ledger(22), "2024-03-31")
    assert [account for _, account in loader.home.query(days.format("u1"))] == ["a1", "a1", "a1"]
    assert loader.home.query(days.format("u2")) == []
    assert [account for _, account in loader.home.query(days.format("u3"))] == ["a2", "a2", "a2", "a3", "a3"]
    first = "SELECT min(period_start)::varchar FROM marts.active_usage "
    first += "WHERE period_grain = 'day' AND unit = 'account' AND scope = 'all' AND is_total"
    assert loader.home.query(first) == [("2024-02-10",)]

    before = loader.contents()  # and no news changes nothing
    loader.home.replan({**loader.tables, "amplitude_events": [], "amplitude_hours": ledger(22)}, [], marts_from=None)
    loader.home.run(full_refresh=False, money_moved=False)
    assert loader.contents() == before
