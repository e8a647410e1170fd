"""What holds of the usage marts in any world: identities, and that the order of events tells nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from support import raw_money
from support.usage_identities import IDENTITIES, broken
from support.usage_world import MARTS, UsageHome, company_tables, events, ledger, merges


def _built(path: Path, factory: pytest.TempPathFactory, rows: list[Any], seed: int) -> UsageHome:
    home = UsageHome(path, factory.getbasetemp() / "dbt_usage")
    tables = {
        **company_tables(week_starts_on=("monday", "sunday")[seed % 2]), "amplitude_events": rows,
        "amplitude_hours": ledger(), "amplitude_merges": merges(*range(seed % 8)),
        "finance_state": [raw_money.state("minimum", "2024-04-10", has_entitlements=True)],
    }  # fmt: skip
    home.fill(tables)
    home.run(full_refresh=True)
    return home


def test_identities_hold_and_the_order_of_events_tells_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = events(21)
    home = _built(tmp_path / "told.duckdb", tmp_path_factory, rows, 21)
    assert broken(home.query) == {}
    random.Random(21).shuffle(rows)
    shuffled = _built(tmp_path / "shuffled.duckdb", tmp_path_factory, rows, 21).contents()
    for mart, found in home.contents().items():
        assert shuffled[mart] == found, mart


@pytest.mark.slow
@pytest.mark.parametrize("seed", [31, 32, 33, 34])
def test_identities_hold_in_other_worlds(seed: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = _built(tmp_path / "w.duckdb", tmp_path_factory, events(seed), seed)
    assert broken(home.query) == {}


def test_every_usage_mart_with_rows_by_segment_is_in_an_identity() -> None:
    asked = " ".join(IDENTITIES.values())
    by_segment = {"active_usage", "usage_lifecycle", "usage_retention", "stickiness_histogram", "adoption",
                  "account_adoption", "time_to_adopt"}  # fmt: skip
    assert {mart for mart in by_segment if f"marts.{mart}" not in asked} == set()
    assert by_segment <= set(MARTS), "these are what incremental builds are compared on"
