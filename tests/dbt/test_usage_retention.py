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


# u1 comes back at month ends, u2 and u3 enter with two accounts at once, u4's account moves to another segment, u5
# meets a Sunday, u6 uses something else the next day, u7 is new in the last week; usage is known until a Friday
STORY = (
    ("2024-01-31", "u1", "org-1", "Report Viewed"), ("2024-02-29", "u1", "org-1", "Report Viewed"),
    ("2024-03-01", "u1", "org-1", "Report Viewed"),
    ("2024-02-10", "u2", "org-1", "Board Opened"), ("2024-02-10", "u2", "org-3", "Board Opened"),
    ("2024-03-05", "u2", "org-2", "Board Opened"),
    ("2024-02-11", "u3", "org-3", "100%_done"), ("2024-02-11", "u3", "org-5", "100%_done"),
    ("2024-03-04", "u4", "org-0", "Chat [beta]"), ("2024-04-02", "u4", "org-0", "Chat [beta]"),
    ("2024-03-02", "u5", "org-3", "100%_done"), ("2024-03-03", "u5", "org-3", "100%_done"),
    ("2024-04-01", "u6", "org-3", "Board Opened"), ("2024-04-02", "u6", "org-3", "Report Viewed"),
    ("2024-05-06", "u7", "org-3", "Report Viewed"),
)  # fmt: skip


def _build(folder: Path, target: Path, story: tuple[tuple[str, ...], ...]) -> UsageHome:
    """A company in UTC with weeks from Sunday: a0 is small until March 12th, then big; a1 small, a2 big, a3 and a5
    neither."""
    tables = company_tables(time_zone="UTC", week_starts_on="sunday")
    tables["identity_map"] = [{"account_id": f"a{n}", "amplitude_value": f"org-{n}"} for n in range(6)]
    tables["account_segments"] = [
        {"account_id": account, "dimension": "size", "value": value, "valid_from": start, "valid_to": end}
        for account, value, start, end in (
            ("a0", "smb", date(2020, 1, 1), date(2024, 3, 12)), ("a0", "big", date(2024, 3, 12), None),
            ("a1", "smb", date(2020, 1, 1), None), ("a2", "big", date(2020, 1, 1), None),
        )
    ]  # fmt: skip
    tables["finance_state"] = [raw_money.state("none", "2024-12-31", has_entitlements=False)]
    tables["arr_month"] = []
    tables["amplitude_events"] = [_event(*row) for row in story]
    tables["amplitude_hours"] = raw_usage.hours(datetime(2024, 1, 1), datetime(2024, 5, 10, 23))
    home = UsageHome(folder / "warehouse.duckdb", target)
    home.fill(tables)
    home.run(full_refresh=True)
    return home


def _event(day: str, user: str, account: str, event_type: str) -> Row:
    noon = datetime.fromisoformat(day) + timedelta(hours=12)
    return {
        "uuid": f"{day}{user}{account}", "upload_hour": noon, "occurred_at": noon, "is_time_corrected": False,
        "event_type": event_type, "feature_properties": {"kind": "human"}, "user_id": user, "device_id": user,
        "amplitude_id": int(user[1:]), "session_id": 1, "account_group": account,
    }  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> UsageHome:
    return _build(tmp_path_factory.mktemp("story"), tmp_path_factory.getbasetemp() / "dbt_usage", STORY)


def cells(
    home: UsageHome, where: str, columns: str = "cohort_start::varchar, period_number, cohort_size, retained"
) -> list[tuple[Any, ...]]:
    """Columns of the rows of users that meet the condition, in order."""
    return home.query(f"SELECT {columns} FROM marts.usage_retention WHERE unit = 'user' AND {where} ORDER BY ALL")


def test_the_first_use_ever_decides_however_long_ago(story: UsageHome) -> None:
    months = "period_grain = 'month' AND scope_key = 'report' AND is_total AND mode = 'first_time' AND {}"
    assert cells(story, months.format("retained > 0"))[:3] == [
        ("2024-01-01", 0, 1, 1), ("2024-01-01", 1, 1, 1), ("2024-01-01", 2, 1, 1),
    ]  # fmt: skip
    assert cells(story, months.format("cohort_start IN (DATE '2024-02-01', DATE '2024-03-01')")) == []
    recurring = months.replace("first_time", "recurring")
    assert cells(story, recurring.format("cohort_start = DATE '2024-02-01' AND retained > 0")) == [
        ("2024-02-01", 0, 1, 1), ("2024-02-01", 1, 1, 1),
    ]  # fmt: skip


def test_thirty_days_reach_over_a_short_month(story: UsageHome) -> None:
    days = "period_grain = 'day' AND scope_key = 'report' AND mode = 'first_time' AND cohort_start = DATE '2024-01-31'"
    assert cells(story, days) == [("2024-01-31", 0, 1, 1), ("2024-01-31", 29, 1, 1), ("2024-01-31", 30, 1, 1)]


def test_weeks_begin_on_sunday(story: UsageHome) -> None:
    weeks = "period_grain = 'week' AND scope_key = 'percent' AND is_total AND mode = 'first_time' AND retained > 0"
    found = cells(story, weeks, "cohort_start::varchar, period_number, period_end::varchar, retained")
    assert found == [
        ("2024-02-11", 0, "2024-02-17", 1), ("2024-02-25", 0, "2024-03-02", 1), ("2024-02-25", 1, "2024-03-09", 1),
    ]  # fmt: skip


def test_a_user_of_two_accounts_counts_once_in_each_of_their_segments(story: UsageHome) -> None:
    entry = "period_grain = 'month' AND cohort_start = DATE '2024-02-01' AND mode = 'first_time' AND retained > 0 "
    entry += "AND dimension IN ('all', 'size') AND {}"
    columns = "segment, period_number, cohort_size, retained"
    # the return is with a third account, in another segment
    assert cells(story, entry.format("scope_key = 'board'"), columns) == [
        ("all", 0, 1, 1), ("all", 1, 1, 1), ("smb", 0, 1, 1), ("smb", 1, 1, 1),
        ("unassigned", 0, 1, 1), ("unassigned", 1, 1, 1),
    ]  # fmt: skip
    assert cells(story, entry.format("scope_key = 'percent'"), columns) == [("all", 0, 1, 1), ("unassigned", 0, 1, 1)]


def test_a_return_counts_in_the_segment_of_the_entry(story: UsageHome) -> None:
    chat = "period_grain = 'month' AND scope_key = 'any_chat' AND dimension = 'size' AND mode = '{}'"
    columns = "cohort_start::varchar, segment, period_number, retained"
    first_time = cells(story, chat.format("first_time"), columns)
    assert first_time == [("2024-03-01", "smb", 0, 1), ("2024-03-01", "smb", 1, 1)]
    assert cells(story, chat.format("recurring"), columns)[2:] == [("2024-04-01", "big", 0, 1)]


def test_only_use_of_the_same_scope_is_a_return(story: UsageHome) -> None:
    next_day = "period_grain = 'day' AND mode = 'recurring' AND cohort_start = DATE '2024-04-01' AND period_number = 1"
    assert cells(story, next_day, "scope, scope_key") == [("all", "all"), ("feature_set", "insight")]


def test_an_unfinished_cell_is_shown_as_such(story: UsageHome) -> None:
    totals = "is_total AND mode = 'first_time' AND scope = 'all' AND period_grain = 'week' AND {}"
    columns = "cohort_start::varchar, period_number, period_end::varchar, retained, is_complete"
    assert cells(story, totals.format("cohort_start = DATE '2024-05-05'"), columns) == [
        ("2024-05-05", 0, "2024-05-11", 1, False),
    ]  # fmt: skip
    # who was new in the first week of April never came back: the cells say so up to the week that is not over
    late = totals.format("cohort_start = DATE '2024-03-31'")
    assert cells(story, late, "period_number, retained, is_complete") == [
        (0, 1, True), (1, 0, True), (2, 0, True), (3, 0, True), (4, 0, True), (5, 0, False),
    ]  # fmt: skip


@pytest.mark.slow
def test_an_unrelated_account_changes_nobody_elses_numbers(story: UsageHome, tmp_path: Path) -> None:
    more = (("2024-01-05", "u8", "org-2", "Report Viewed"), ("2024-03-03", "u8", "org-2", "Report Viewed"))
    other = _build(tmp_path, story.target, (*STORY, *more))
    others = "SELECT * FROM marts.usage_retention WHERE dimension = 'size' AND segment <> 'big' ORDER BY ALL"
    assert other.query(others) == story.query(others)
