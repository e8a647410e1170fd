"""Fiscal quarters and review dates, without a clock."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.company.board import Board, Review
from assets.company.calendar import add_months, fiscal_quarter, month_end, month_ends, quarter_ends
from assets.company.review_rule import parse_rule, review_dates
from support.company_folder import SETTINGS, make_company

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
months = st.integers(1, 12)


@given(days, months)
def test_a_day_lies_in_its_quarter_and_quarters_follow_each_other(day: date, starts_in: int) -> None:
    quarter = fiscal_quarter(day, starts_in)
    assert quarter.start <= day <= quarter.end
    assert add_months(quarter.start, 3) == quarter.end + timedelta(days=1)
    following = fiscal_quarter(quarter.end + timedelta(days=1), starts_in)
    assert following.start == quarter.end + timedelta(days=1)
    assert (following.fiscal_year * 4 + following.number) - (quarter.fiscal_year * 4 + quarter.number) == 1
    assert (quarter.number == 1) == (quarter.start.month == starts_in)


def test_fiscal_years_are_named_after_the_year_they_end_in() -> None:
    assert fiscal_quarter(date(2025, 8, 15), 1).label == "FY2025 Q3"
    assert fiscal_quarter(date(2025, 1, 31), 2).label == "FY2025 Q4"
    assert fiscal_quarter(date(2025, 2, 1), 2).label == "FY2026 Q1"
    assert fiscal_quarter(date(2024, 12, 31), 7).label == "FY2025 Q2"


def test_period_ends_between_two_days_are_inclusive() -> None:
    assert list(quarter_ends(date(2025, 3, 31), date(2025, 9, 30), 1)) == [
        date(2025, 3, 31),
        date(2025, 6, 30),
        date(2025, 9, 30),
    ]
    assert list(quarter_ends(date(2025, 4, 1), date(2025, 6, 29), 1)) == []
    assert list(month_ends(date(2024, 2, 1), date(2024, 3, 31))) == [date(2024, 2, 29), date(2024, 3, 31)]


@pytest.mark.parametrize(
    ("rule", "end", "expected"),
    [
        ("third Thursday after quarter end", "2025-03-31", "2025-04-17"),
        ("first Monday after quarter end", "2025-03-31", "2025-04-07"),  # the end itself, a Monday, does not count
        ("first tuesday after quarter end", "2025-03-31", "2025-04-01"),
        ("last Friday after quarter end", "2025-03-31", "2025-04-25"),
        ("LAST  wednesday after month end", "2025-12-31", "2026-01-28"),
        ("10 days after quarter end", "2024-12-31", "2025-01-10"),
        ("1 day after month end", "2024-02-29", "2024-03-01"),
        ("5th business day after month end", "2025-05-31", "2025-06-06"),  # a Saturday
        ("first business day after month end", "2025-02-28", "2025-03-03"),  # a Friday
        ("3rd business day after quarter end", "2024-12-31", "2025-01-03"),
        ("12th business day after quarter end", "2025-06-30", "2025-07-16"),
    ],
)
def test_rules(rule: str, end: str, expected: str) -> None:
    assert review_dates(rule, [date.fromisoformat(end)]) == [date.fromisoformat(expected)]


@given(days, st.integers(1, 60))
def test_business_days_are_counted_one_by_one(end: date, number: int) -> None:
    day, left = end, number
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    assert parse_rule(f"{number}th business day after month end").after(end) == day


@given(days, st.sampled_from(["first", "second", "third", "fourth"]), st.integers(0, 6))
def test_the_nth_weekday_is_the_nth(end: date, nth: str, weekday: int) -> None:
    names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    found = parse_rule(f"{nth} {names[weekday]} after quarter end").after(end)
    assert found.weekday() == weekday
    assert (found - end - timedelta(days=1)).days // 7 == ["first", "second", "third", "fourth"].index(nth)


@given(days)
def test_the_last_weekday_is_in_the_following_month_and_no_later_one_is(day: date) -> None:
    end = month_end(day)
    found = parse_rule("last friday after month end").after(end)
    following = month_end(end + timedelta(days=1))
    assert found.weekday() == 4 and found <= following < found + timedelta(days=7)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "third thursday",
        "thrid thursday after quarter end",
        "0 days after quarter end",
        "400 days after quarter end",
        "fifth monday after quarter end",
    ],
)
def test_what_is_no_rule_says_how_rules_look(rule: str) -> None:
    with pytest.raises(ValueError, match="third Thursday after quarter end"):
        parse_rule(rule)


BOARD = """
metrics:
  - arr
  - {metric: nrr, target: 1.1}
reviews:
  - {name: QBR, rule: third Thursday after quarter end, refresh_days_before: 2}
  - {name: Close, rule: 5th business day after month end}
  - {name: Board day, date: 2026-03-05}
"""


def test_reviews_over_two_fiscal_years_of_a_company_whose_year_starts_in_february(tmp_path: Path) -> None:
    company = make_company(tmp_path, company_yaml=SETTINGS + "fiscal_year_starts_in: 2\n", board_yaml=BOARD)
    qbr, close, board_day = company.board.reviews
    two_years = (date(2025, 2, 1), date(2027, 1, 31))
    assert qbr.dates(company, *two_years) == [
        date(2025, 2, 20), date(2025, 5, 15), date(2025, 8, 21), date(2025, 11, 20),
        date(2026, 2, 19), date(2026, 5, 21), date(2026, 8, 20), date(2026, 11, 19),
    ]  # fmt: skip
    assert len(close.dates(company, *two_years)) == 24
    assert board_day.dates(company, *two_years) == [date(2026, 3, 5)]
    assert board_day.dates(company, date(2026, 3, 6), date(2027, 1, 1)) == []
    assert qbr.refresh_days_before == 2 and close.refresh_days_before == 1
    assert [(metric.metric, metric.target) for metric in company.board.metrics] == [("arr", None), ("nrr", 1.1)]


@given(days, st.integers(1, 200), months)
def test_asking_in_pieces_gives_the_same_dates(start: date, length: int, starts_in: int) -> None:
    review = Review(name="QBR", rule="10 days after quarter end")
    from assets.company.model import Settings

    settings = Settings(name="X", reporting_currency="USD", fiscal_year_starts_in=starts_in)
    end, cut = start + timedelta(days=2 * length), start + timedelta(days=length)
    pieces = review.dates(settings, start, cut) + review.dates(settings, cut + timedelta(days=1), end)
    assert pieces == review.dates(settings, start, end)


def test_an_empty_board_is_a_board() -> None:
    assert Board().metrics == () and Board().reviews == ()
