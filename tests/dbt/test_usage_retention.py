"""Who came back: every cell against a recount in plain Python, and the cases that are easy to get wrong by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import raw_money, raw_usage
from support.usage_reference import Row
from support.usage_retention_reference import usage_retention
from support.usage_world import UsageHome, company_tables
from support.usage_worlds import NAMES, World, built

KEY = "period_grain, cohort_start, unit, mode, dimension, segment, scope, scope_key, period_number"


@pytest.fixture(params=NAMES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return built(request.param, tmp_path_factory)


def test_every_cell(world: World) -> None:
    found = world.rows("usage_retention", KEY, "cohort_size, retained, period_end, is_complete")
    assert found == usage_retention(world.reference)


def test_rates(world: World) -> None:
    wrong = world.home.query("""
        SELECT * FROM marts.usage_retention
        WHERE retention <> retained / cohort_size OR NOT isfinite(retention) OR retention NOT BETWEEN 0 AND 1
            OR cohort_size = 0 OR is_total <> (dimension = 'all') OR (period_number = 0 AND retained <> cohort_size)
    """)
    assert wrong == []


def test_active_usage_is_the_size_of_the_recurring_cohorts(world: World) -> None:
    wrong = world.home.query("""
        SELECT * FROM marts.active_usage a
        JOIN marts.usage_retention r USING (period_grain, unit, dimension, segment, scope, scope_key)
        WHERE a.is_total AND a.period_start = r.cohort_start AND r.period_number = 0 AND mode = 'recurring'
            AND a.active <> r.cohort_size
    """)
    assert wrong == []
