"""Request windows as properties: together exactly the hours due, none twice, none beyond the safe hour."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.amplitude.archive import hour_number, hour_start
from assets.amplitude.windows import Asked, Window, hours_due, plan_windows, safe_hour, start_hour

NOW = datetime(2025, 3, 10, 5, 20)
START = hour_number(datetime(2025, 3, 1))
SPAN = range(START, safe_hour(NOW) + 1)

moments = st.datetimes(datetime(2025, 3, 1), NOW)
answers = st.builds(
    Asked, st.sampled_from(["fetched", "empty", "damaged", "failed", "done"]), moments, st.integers(0, 7)
)
ledgers = st.dictionaries(st.sampled_from(SPAN), answers, max_size=120)


@given(ledgers)
def test_windows_are_exactly_the_hours_due(known: dict[int, Asked]) -> None:
    due = hours_due(range(START, START + 400), known, NOW)
    windows = plan_windows(due)
    asked = [hour for window in windows for hour in window.hours]
    assert sorted(asked) == sorted(due) and len(set(asked)) == len(asked)
    assert max(asked, default=0) <= safe_hour(NOW)
    assert all(window.first // 24 == window.last // 24 for window in windows)
    assert set(SPAN) - set(known) <= set(asked)


@given(ledgers)
def test_fresh_hours_come_first_and_in_order(known: dict[int, Asked]) -> None:
    due = hours_due(SPAN, known, NOW)
    windows = plan_windows(due)
    tried = [due[window.first] > 0 for window in windows]
    assert tried == sorted(tried)
    for group in (False, True):
        firsts = [window.first for window, is_tried in zip(windows, tried, strict=True) if is_tried is group]
        assert firsts == sorted(firsts)


@given(st.integers(0, 10**6), st.integers(1, 24))
def test_halving_ends_at_single_hours_and_loses_none(first: int, length: int) -> None:
    pending, single = [Window(first, first + length - 1)], []
    while pending:
        window = pending.pop()
        if len(window.hours) == 1:
            single.append(window.first)
        else:
            pending += window.halves()
    assert sorted(single) == list(range(first, first + length))


def test_the_safe_hour_is_three_whole_hours_ago() -> None:
    assert hour_start(safe_hour(datetime(2025, 3, 10, 5, 59, 59))) == datetime(2025, 3, 10, 2)
    assert hour_start(safe_hour(datetime(2025, 3, 10, 6))) == datetime(2025, 3, 10, 3)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", datetime(2025, 3, 3)),
        ("America/New_York", datetime(2025, 3, 3, 5)),
        ("Europe/Berlin", datetime(2025, 3, 2, 23)),
        ("Asia/Kolkata", datetime(2025, 3, 2, 18)),  # 18:30: the hour in which the day begins
    ],
)
def test_the_first_hour_is_that_of_local_midnight(zone: str, expected: datetime) -> None:
    assert hour_start(start_hour(date(2025, 3, 3), zone)) == expected


def test_an_hour_fetched_fresh_is_asked_for_once_more_a_day_later() -> None:
    hour = hour_number(datetime(2025, 3, 5, 10))
    exportable = datetime(2025, 3, 5, 13)
    for answer in ("fetched", "empty"):
        fresh = {hour: Asked(answer, exportable + timedelta(hours=2))}  # type: ignore[arg-type]
        assert hours_due([hour], fresh, exportable + timedelta(hours=23)) == {}
        assert hours_due([hour], fresh, exportable + timedelta(hours=24)) == {hour: 0}
        again = {hour: Asked(answer, exportable + timedelta(hours=25))}  # type: ignore[arg-type]
        assert hours_due([hour], again, exportable + timedelta(days=300)) == {}


def test_a_damaged_hour_is_asked_for_daily_for_a_week() -> None:
    hour, exportable = hour_number(datetime(2025, 3, 1)), datetime(2025, 3, 1, 3)
    asked_at, times = exportable, 0
    for day in range(1, 40):
        now = exportable + timedelta(days=day)
        if hours_due([hour], {hour: Asked("damaged", asked_at)}, now):
            asked_at, times = now, times + 1
    assert times == 8


def test_a_failing_hour_ends_up_alone() -> None:
    first = hour_number(datetime(2025, 3, 3))
    for failures, length in ((0, 24), (1, 12), (2, 6), (3, 3), (4, 1), (9, 1)):
        windows = plan_windows(dict.fromkeys(range(first, first + 24), failures))
        assert {len(window.hours) for window in windows} == {length}
