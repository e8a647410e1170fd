"""Each review is prepared once, on the right day of the company's fiscal calendar and clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from assets.company.board import Board, Review
from assets.company.model import Company, Policy
from pipelines.schedules import build_close_schedule, build_schedules, review_due, schedule_name

ZONE = "America/New_York"
DAYS = (date(2026, 10, 1), date(2026, 10, 2))


def company(*reviews: Review, fiscal_year_starts_in: int = 2) -> Company:
    return Company(
        name="Test",
        time_zone=ZONE,
        reporting_currency="USD",
        fiscal_year_starts_in=fiscal_year_starts_in,
        folder=Path(),
        board=Board(reviews=reviews),
    )


def requests_of(schedule: dg.ScheduleDefinition, start: date, end: date) -> list[date]:
    """Local days in [start, end] on which the schedule's tick asks for a run."""
    found = []
    day = start
    while day <= end:
        tick = datetime(day.year, day.month, day.day, 6, tzinfo=ZoneInfo(ZONE))
        result = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=tick))
        if result.run_requests:
            found.append(day)
        day += timedelta(days=1)
    return found


def test_a_quarterly_review_is_prepared_two_days_before_over_two_fiscal_years() -> None:
    review = Review(name="QBR", rule="third Thursday after quarter end", refresh_days_before=2)
    _, schedule = build_schedules(company(review), lambda: DAYS, lambda: True)
    # Fiscal quarters of a year that starts in February end on the last of April, July, October and January.
    thursdays = [
        date(2026, 2, 19), date(2026, 5, 21), date(2026, 8, 20), date(2026, 11, 19),
        date(2027, 2, 18), date(2027, 5, 20), date(2027, 8, 19), date(2027, 11, 18),
    ]  # fmt: skip
    assert requests_of(schedule, date(2026, 2, 1), date(2028, 1, 31)) == [day - timedelta(days=2) for day in thursdays]


def test_a_review_with_a_date_is_prepared_once() -> None:
    review = Review(name="Board offsite", date=date(2026, 12, 1), refresh_days_before=1)
    _, schedule = build_schedules(company(review), lambda: DAYS, lambda: True)
    assert schedule.name == "before_board_offsite"
    assert requests_of(schedule, date(2026, 1, 1), date(2027, 12, 31)) == [date(2026, 11, 30)]


def test_a_due_review_asks_for_the_pending_upload_days() -> None:
    review = Review(name="Board offsite", date=date(2026, 12, 1), refresh_days_before=1)
    _, schedule = build_schedules(company(review), lambda: DAYS, lambda: True)
    tick = datetime(2026, 11, 30, 6, tzinfo=ZoneInfo(ZONE))
    (request,) = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=tick)).run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2026-10-01"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-10-02"


@pytest.mark.parametrize("quiet", [True, False])
def test_the_daily_schedule_says_why_it_does_nothing(quiet: bool) -> None:
    (daily,) = build_schedules(company(), lambda: DAYS, lambda: quiet)
    tick = datetime(2026, 11, 1, 5, tzinfo=ZoneInfo(ZONE))
    result = daily.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=tick))
    assert bool(result.run_requests) is not quiet
    assert (result.skip_message or "").startswith("nothing new") is quiet


@pytest.mark.parametrize("reason", [None, "2026-09 is closed already"])
def test_the_month_before_is_closed_on_its_day_unless_it_need_not_be(reason: str | None) -> None:
    asked: list[date] = []

    def not_due(month: date) -> str | None:
        asked.append(month)
        return reason

    schedule = build_close_schedule(company().model_copy(update={"policy": Policy(close_day=5)}), not_due)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 8 5 * *", ZONE)
    tick = datetime(2026, 10, 5, 8, tzinfo=ZoneInfo(ZONE))
    result = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=tick))
    assert asked == [date(2026, 9, 1)]
    assert result.skip_message == reason
    if reason is None:
        (request,) = result.run_requests
        assert request.run_config["ops"] == {"close_month": {"config": {"month": "2026-09", "reopen": False}}}


def test_schedules_run_on_the_companys_clock() -> None:
    review = Review(name="QBR", rule="third Thursday after quarter end")
    for schedule in build_schedules(company(review), lambda: DAYS, lambda: True):
        assert schedule.execution_timezone == ZONE
    assert schedule_name(review) == "before_qbr"
    assert review_due(review, company(review), date(2026, 2, 18)) == date(2026, 2, 19)
