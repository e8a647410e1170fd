"""Usage loaded in any order and chunking, with late events, ends in the marts that one full build makes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support import raw_money
from support.usage_reference import Reference, Row
from support.usage_world import DAYS, UsageHome, company_tables, events, ledger, merges

BEGINNING = date(1900, 1, 1)


class Loader:
    """Feeds a warehouse chunk by chunk and plans what to rebuild as a refresh does."""

    def __init__(self, home: UsageHome, tables: dict[str, Any]) -> None:
        self.home, self.tables, self.loaded = home, tables, list[Row]()
        home.fill({**tables, "amplitude_events": [], "amplitude_hours": []})
        self.is_new = True

    def local_date(self, event: Row) -> date:
        return Reference(self.tables, date.max).local_date(event)

    def load(
        self, chunk: list[Row], hours: list[Row], as_of: str, times: int = 1, merges: Sequence[Row] | None = None
    ) -> None:
        """Land a chunk; the lake then shows the events of the touched dates and no others. ``times`` > 1 repeats the
        build of the same plan, as after a crash."""
        self.loaded += chunk
        self.tables["amplitude_merges"] = list(self.tables.get("amplitude_merges", ()) if merges is None else merges)
        dates = {self.local_date(event) for event in chunk}
        money_moved = [raw_money.state("minimum", as_of, has_entitlements=True)] != self.tables.get("finance_state")
        self.tables["finance_state"] = [raw_money.state("minimum", as_of, has_entitlements=True)]
        shown = [event for event in self.loaded if self.is_new or self.local_date(event) in dates]
        marts_from = min([*dates, *self._first_unsure(hours)], default=None)
        self.home.replan(
            {**self.tables, "amplitude_events": shown, "amplitude_hours": hours}, sorted(dates),
            marts_from=marts_from, adoption_from=BEGINNING if money_moved else marts_from,
        )  # fmt: skip
        for left in reversed(range(times)):
            self.home.run(full_refresh=self.is_new, money_moved=money_moved, is_killed=left > 0)
        self.is_new = False

    def _first_unsure(self, hours: list[Row]) -> list[date]:
        """The day after the watermark of the last build, and the day of the first hour that is not final."""
        if self.is_new:
            return []
        ((watermark,),) = self.home.query("SELECT usage_watermark FROM intermediate.int_usage__watermarks")
        held = [row["upload_hour"].date() - timedelta(days=1) for row in hours if row["state"] == "partial"]
        return [watermark + timedelta(days=1) if watermark else BEGINNING, *held]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        return self.home.contents()


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_and_chunking_ends_in_the_same_marts(seed: int, tmp_path: Path, tmp_path_factory: Any) -> None:
    target, rng = tmp_path_factory.getbasetemp() / "dbt_usage", random.Random(seed)
    everything, tables = events(seed), company_tables()
    held = datetime(2024, 3, 10, 6)
    # the first chunk is mostly old, the last mostly new; every chunk holds some events of any date
    order = sorted(everything, key=lambda event: event["occurred_at"] + timedelta(days=rng.choice([-40, 0, 0, 0, 60])))
    cuts = [0, *sorted(rng.sample(range(1, len(order)), 2)), len(order)]
    chunks = [order[a:b] for a, b in pairwise(cuts)]
    parts = Loader(UsageHome(tmp_path / "parts.duckdb", target), dict(tables))
    parts.load(chunks[0], ledger(30), "2024-03-31", merges=merges(0, 4))
    parts.load(chunks[1], ledger(60, held=held), "2024-03-31", times=2, merges=merges(0, 1, 4, 6))
    parts.load(chunks[2], ledger(DAYS - 4), "2024-04-10", merges=merges(*range(7)))
    whole = Loader(UsageHome(tmp_path / "whole.duckdb", target), dict(tables))
    whole.load(everything, ledger(DAYS - 4), "2024-04-10", merges=merges(*range(7)))
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
