"""The rulings of usage, one by one, on people whose story is written out in support/usage_story.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support import raw_money
from support.usage_loader import Loader
from support.usage_story import (
    AS_OF,
    DECEMBER,
    EVENTS,
    MERGE,
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    STRANGER,
    event,
    hours,
    tables,
)
from support.usage_world import UsageHome

Rows = list[tuple[Any, ...]]
_BEFORE = """
    SELECT period_start, active, "new", "returning", resurrected, dormant FROM marts.usage_lifecycle
    WHERE period_grain = 'month' AND unit = 'user' AND scope = 'all' AND segment = 'merged' ORDER BY ALL
"""


class Story:
    """The autumn as it was first seen, and after a merge was told."""

    def __init__(self, home: UsageHome) -> None:
        self.home, loader = home, Loader(home, tables())
        loader.load(EVENTS, hours(), AS_OF)
        self.before_merge = home.query(_BEFORE)
        loader.load([], hours(), AS_OF, merges=MERGE)

    def rows(self, mart: str, columns: str, where: str) -> Rows:
        return self.home.query(f"SELECT {columns} FROM marts.{mart} WHERE {where} ORDER BY ALL")

    def active(self, segment: str, grain: str = "week", unit: str = "user") -> dict[date, int]:
        """Active units by period, silent periods left out."""
        key = f"period_grain = '{grain}' AND unit = '{unit}' AND scope = 'all' AND segment = '{segment}'"
        return dict(self.rows("active_usage", "period_start, active", f"{key} AND active > 0"))

    def retained(self, segment: str, scope_key: str = "all", mode: str = "first_time") -> Rows:
        """(cohort, period number, cohort size, retained) of users by month."""
        key = f"period_grain = 'month' AND unit = 'user' AND mode = '{mode}' AND scope_key = '{scope_key}'"
        columns = "cohort_start, period_number, cohort_size, retained"
        return self.rows("usage_retention", columns, f"{key} AND segment = '{segment}'")

    def states(self, account: str, feature: str = "board") -> dict[date, tuple[bool, str]]:
        found = self.rows(
            "account_adoption", "month_start, entitled, state",
            f"account_id = '{account}' AND feature_key = '{feature}'",
        )  # fmt: skip
        return {month: (entitled, state) for month, entitled, state in found}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    base = tmp_path_factory.getbasetemp()
    yield Story(UsageHome(tmp_path_factory.mktemp("rules") / "w.duckdb", base / "dbt_usage"))


def test_a_week_of_169_hours_ends_at_local_midnight(story: Story) -> None:
    assert story.active("clock") == {date(2024, 10, 28): 2, date(2024, 11, 4): 1}
    (week,) = story.rows(
        "active_usage", "daily_active_sum",
        "period_grain = 'week' AND unit = 'user' AND scope = 'all' AND segment = 'clock' "
        "AND period_start = DATE '2024-10-28'",
    )  # fmt: skip
    assert week == (3,), "dusk on Monday, dusk and twice on Sunday"


def test_the_hour_that_comes_twice_is_one_date(story: Story) -> None:
    days = story.rows("fct_user_activity_day", "local_date, events", "user_key = 'twice'")
    assert days == [(date(2024, 11, 3), 2)]


def test_half_past_eleven_is_still_today(story: Story) -> None:
    days = story.rows("fct_user_activity_day", "local_date", "user_key = 'owl'")
    assert days == [(date(2024, 10, 14),), (date(2024, 10, 31),)]
    assert story.active("night", "month") == {OCTOBER: 1}


def test_weeks_begin_on_monday(story: Story) -> None:
    assert story.active("sunday") == {date(2024, 10, 14): 1, date(2024, 10, 21): 1}


def test_a_user_of_two_accounts_is_one_user_and_counts_in_both_segments(story: Story) -> None:
    october = "period_grain = 'month' AND unit = '{}' AND scope_key = 'twin' AND period_start = DATE '2024-10-01'"
    users = story.rows("active_usage", "segment, active", october.format("user"))
    accounts = story.rows("active_usage", "segment, active", october.format("account"))
    assert users == [("all", 1), ("two_a", 1), ("two_b", 1)]
    assert accounts == [("all", 2), ("two_a", 1), ("two_b", 1)]
    histogram = "unit = 'user' AND scope_key = 'twin' AND units > 0"
    days = story.rows("stickiness_histogram", "segment, days_active, units, units_at_least", histogram)
    assert days == [("all", 2, 1, 1), ("two_a", 1, 1, 1), ("two_b", 2, 1, 1)]


def test_a_user_who_entered_with_two_accounts_came_back_in_both_segments(story: Story) -> None:
    """Start and return are use for whatever account; the segment is that of the entry date."""
    weeks = story.rows(
        "usage_retention", "segment, period_number, cohort_size, retained",
        "period_grain = 'week' AND unit = 'user' AND mode = 'first_time' AND scope_key = 'twin' AND retained > 0",
    )  # fmt: skip
    assert weeks == [(segment, n, 1, 1) for segment in ("all", "two_a", "two_b") for n in (0, 1)]


def test_days_of_two_users_are_distinct_days_of_their_account(story: Story) -> None:
    where = "account_id = 'together' AND feature_key = 'report' AND month_start = DATE '2024-10-01'"
    (october,) = story.rows("account_adoption", "days_28d, users_28d, state", where)
    assert october == (3, 2, "established")
    histogram = "segment = 'together' AND scope = 'all' AND unit = 'account'"
    assert story.rows("stickiness_histogram", "days_active, units", f"{histogram} AND units > 0") == [(3, 1)]


def test_a_merge_told_later_restates_first_use_and_all_that_follows(story: Story) -> None:
    """As two people: one of October and one of November. As one: new in October, back in November."""
    names = (SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER)
    assert [row for row in story.before_merge if row[0] in names] == [
        (OCTOBER, 1, 1, 0, 0, 0), (NOVEMBER, 1, 1, 0, 0, 1), (DECEMBER, 0, 0, 0, 0, 1),
    ]  # fmt: skip
    assert story.home.query(_BEFORE) == [
        (OCTOBER, 1, 1, 0, 0, 0), (NOVEMBER, 1, 0, 1, 0, 0), (DECEMBER, 0, 0, 0, 0, 1),
    ]  # fmt: skip
    assert story.retained("merged") == [(OCTOBER, 0, 1, 1), (OCTOBER, 1, 1, 1)]


def test_staff_are_gone_before_anything_is_first(story: Story) -> None:
    first = story.rows(
        "account_adoption", "DISTINCT first_used_on", "account_id = 'staffed' AND feature_key = 'report'"
    )
    assert (date(2024, 10, 24),) in first and (date(2024, 9, 10),) not in first
    assert story.states("staffed", "report")[SEPTEMBER] == (True, "never")
    assert story.retained("staffed") == [(OCTOBER, 0, 1, 1)]
    assert story.active("staffed", "month", "account") == {OCTOBER: 1}


def test_first_use_before_the_window_is_remembered(story: Story) -> None:
    """The 28 days to 30 September begin on the 3rd, its only day of use."""
    assert story.states("early", "report") == {
        SEPTEMBER: (True, "tried"), OCTOBER: (True, "lapsed"), NOVEMBER: (True, "lapsed"), DECEMBER: (True, "lapsed"),
    }  # fmt: skip
    where = "scope = 'feature' AND scope_key = 'report' AND segment = 'early'"
    counts = story.rows("adoption", "month_start, adopted_ever, current_accounts", where)
    assert counts == [(SEPTEMBER, 1, 1), (OCTOBER, 1, 0), (NOVEMBER, 1, 0), (DECEMBER, 1, 0)]


def test_a_silent_month_between_two_active_ones(story: Story) -> None:
    months = story.rows(
        "usage_lifecycle", 'period_start, active, "new", "returning", resurrected, dormant',
        "period_grain = 'month' AND unit = 'user' AND scope = 'all' AND segment = 'gap'",
    )  # fmt: skip
    assert months == [
        (SEPTEMBER, 1, 1, 0, 0, 0), (OCTOBER, 0, 0, 0, 0, 1), (NOVEMBER, 1, 0, 0, 1, 0), (DECEMBER, 0, 0, 0, 0, 1),
    ]  # fmt: skip
    assert story.retained("gap") == [(SEPTEMBER, 0, 1, 1), (SEPTEMBER, 2, 1, 1)]
    assert story.retained("gap", mode="recurring") == [
        (SEPTEMBER, 0, 1, 1), (SEPTEMBER, 2, 1, 1), (NOVEMBER, 0, 1, 1),
    ]  # fmt: skip


def test_session_minus_one_is_no_session(story: Story) -> None:
    days = story.rows("fct_user_activity_day", "user_key, events, sessions", "user_key IN ('some', 'none')")
    assert days == [("none", 1, 0), ("some", 3, 1)]


def test_the_clock_of_a_feature_starts_at_its_launch_inside_a_month(story: Story) -> None:
    columns = "segment, accounts, adopters, median_days, accounts_left_out"
    where = "feature_key = 'board' AND segment IN ('beta', 'launch', 'granted', 'ungranted')"
    assert story.rows("time_to_adopt", columns, where) == [
        ("beta", 1, 1, 0, 0), ("granted", 1, 1, 3, 0), ("launch", 1, 1, 10, 0),
    ]  # fmt: skip


def test_an_entitlement_counts_at_month_end(story: Story) -> None:
    assert story.states("granted") == {NOVEMBER: (True, "tried"), DECEMBER: (True, "tried")}
    assert story.states("ended")[OCTOBER] == (True, "never")
    assert story.states("ended")[NOVEMBER] == (False, "off_entitlement")
    columns = "entitled_accounts, current_accounts, off_entitlement_accounts"
    november = "scope = 'feature' AND scope_key = 'board' AND month_start = DATE '2024-11-01' AND segment = '{}'"
    assert story.rows("adoption", columns, november.format("granted")) == [(1, 1, 0)]
    assert story.rows("adoption", columns, november.format("ended")) == [(0, 0, 1)]


def test_use_without_entitlement_is_counted_apart(story: Story) -> None:
    assert story.states("ungranted")[NOVEMBER] == (False, "off_entitlement")
    columns = "entitled_accounts, adopted_ever, current_accounts, off_entitlement_accounts, adoption_rate"
    where = "scope_key = 'board' AND month_start = DATE '2024-11-01' AND segment = 'ungranted'"
    assert story.rows("adoption", columns, where) == [(0, 0, 0, 1, None)]


def test_the_unfinished_period_of_a_cohort_is_shown_as_unfinished(story: Story) -> None:
    cells = story.rows(
        "usage_retention", "period_grain, period_number, retained, is_complete",
        "segment = 'newcomer' AND unit = 'user' AND mode = 'first_time' AND scope = 'all' "
        "AND period_grain IN ('week', 'month')",
    )  # fmt: skip
    assert cells == [
        ("month", 0, 1, True), ("month", 1, 1, False), ("week", 0, 1, True), ("week", 3, 1, False),
    ]  # fmt: skip
    late = story.rows("usage_retention", "count(*)", "period_end > DATE '2024-12-10' AND is_complete")
    assert late == [(0,)]


def test_an_unrelated_account_changes_nobody_elses_numbers(
    story: Story, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    loader = Loader(UsageHome(tmp_path / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage"), tables())
    loader.load([*EVENTS, *STRANGER], hours(), AS_OF, merges=MERGE)
    marts = ("active_usage", "usage_lifecycle", "stickiness_histogram", "usage_retention", "adoption", "time_to_adopt")
    for mart in marts:
        others = f"SELECT * FROM marts.{mart} WHERE segment NOT IN ('all', 'stranger') ORDER BY ALL"
        assert loader.home.query(others) == story.home.query(others), mart
        mine = f"SELECT count(*) > 0 FROM marts.{mart} WHERE segment = 'stranger'"
        assert loader.home.query(mine) == [(True,)], mart
    others = "SELECT * FROM marts.account_adoption WHERE account_id <> 'stranger' ORDER BY ALL"
    assert loader.home.query(others) == story.home.query(others)


def test_weeks_begin_on_sunday_and_one_of_them_has_167_hours(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The clock is set forward on Sunday 10 March: the week from then on lacks an hour."""
    chunk = [
        event("03-09 23:30", "saturday", "clock"), event("03-10 00:10", "first", "clock"),
        event("03-16 23:50", "last", "clock"), event("03-17 00:10", "next", "clock"),
    ]  # fmt: skip
    home = UsageHome(tmp_path / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage")
    settings = tables(week_starts_on="sunday")
    state = [raw_money.state("minimum", "2024-03-31", has_entitlements=True)]
    ledger = hours("2024-03-04", "2024-03-24")
    home.fill({**settings, "finance_state": state, "amplitude_events": chunk, "amplitude_hours": ledger})
    home.dbt("run", "--select", "+active_usage", "--full-refresh")
    weeks = home.query("""
        SELECT period_start, active FROM marts.active_usage
        WHERE period_grain = 'week' AND unit = 'user' AND scope = 'all' AND is_total ORDER BY ALL
    """)
    assert weeks[:3] == [(date(2024, 3, 3), 1), (date(2024, 3, 10), 2), (date(2024, 3, 17), 1)]
