"""The unit tests that stand beside the models: live refreshes leave them out, so they run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import raw_money
from support.money_world import MARTS as MONEY
from support.usage_world import MARTS, UsageHome, company_tables


def test_models_build_without_events_and_pass_their_unit_tests(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = UsageHome(tmp_path / "warehouse.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage")
    tables = company_tables()
    tables["finance_state"] = [raw_money.state("minimum", "2024-04-10", has_entitlements=True)]
    home.fill(tables)
    home.dbt("run", "--select", *(f"+{model}" for model in (*MARTS, "dim_date")))
    assert [mart for mart, rows in home.contents().items() if rows] == [
        "dim_feature", "dim_launch", "instrumentation", "revenue_retention",
    ]  # fmt: skip
    assert home.query("SELECT count(*) FROM marts.revenue_retention WHERE adopter IS NOT NULL") == [(0,)]
    # dbt reads the types of a unit test's inputs from the tables, so the build came first
    # those of the money models run with their own build (test_money_models)
    home.dbt("test", "--select", "test_type:unit", "--exclude", *MONEY)
