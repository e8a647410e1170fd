"""When it runs by itself: every day, before each review, and the close of each month. Registered only with
LENS_AUTOMATION=on."""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg

from assets.company.board import Review
from assets.company.calendar import add_months
from assets.company.model import Company
from pipelines.jobs import CLOSE, QBR_REFRESH, REFRESH, close_config, range_tags

# After midnight in every American and European zone, with Amplitude's export delay of three hours to spare.
DAILY_AT = "0 5 * * *"
REVIEW_AT = "0 6 * * *"
# After the refreshes of the morning: what they published is what is closed.
CLOSE_AT = "0 8 {day} * *"


def review_due(review: Review, company: Company, today: date) -> date | None:
    """The review that ``today``'s refresh prepares (``refresh_days_before`` days ahead), or None."""
    day = today + timedelta(days=review.refresh_days_before)
    return day if day in review.dates(company, day, day) else None


def schedule_name(review: Review) -> str:
    """A Dagster name made from the review's own."""
    return "before_" + "".join(char if char.isalnum() else "_" for char in review.name.lower())


def build_schedules(
    company: Company,
    pending_days: Callable[[], tuple[date, date]],
    nothing_new: Callable[[], bool],
) -> list[dg.ScheduleDefinition]:
    """The daily schedule and one for each review, on the company's clock and fiscal calendar.

    ``pending_days`` gives the range of upload days that a refresh would land.
    """

    @dg.schedule(
        name="daily_refresh",
        job_name=REFRESH,
        cron_schedule=DAILY_AT,
        execution_timezone=company.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every morning: take in what is new. Skipped when nothing is.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if nothing_new():
            return dg.SkipReason("nothing new since the current release")
        return _request(context, pending_days)

    return [daily, *(_review_schedule(review, company, pending_days) for review in company.board.reviews)]


def _request(context: dg.ScheduleEvaluationContext, pending_days: Callable[[], tuple[date, date]]) -> dg.RunRequest:
    first, last = pending_days()
    return dg.RunRequest(
        run_key=f"{context.scheduled_execution_time:%Y-%m-%d}", tags=dict(range_tags(str(first), str(last)))
    )


def _review_schedule(
    review: Review, company: Company, pending_days: Callable[[], tuple[date, date]]
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=schedule_name(review),
        job_name=QBR_REFRESH,
        cron_schedule=REVIEW_AT,
        execution_timezone=company.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Refreshes {review.refresh_days_before} day(s) before '{review.name}'"
        f" ({review.rule or review.date}).",
    )
    def before_review(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        due = review_due(review, company, context.scheduled_execution_time.date())
        if due is None:
            return dg.SkipReason(f"no '{review.name}' in {review.refresh_days_before} day(s)")
        return _request(context, pending_days)

    return before_review


def build_close_schedule(company: Company, not_due: Callable[[date], str | None]) -> dg.ScheduleDefinition:
    """The schedule that closes the month before, on ``policy.close_day``. ``not_due`` says why a month need not be
    closed, if it need not."""

    @dg.schedule(
        name="monthly_close",
        job_name=CLOSE,
        cron_schedule=CLOSE_AT.format(day=company.policy.close_day),
        execution_timezone=company.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Closes the month before on day {company.policy.close_day}. Skipped when it is closed already.",
    )
    def monthly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        month = add_months(context.scheduled_execution_time.date().replace(day=1), -1)
        reason = not_due(month)
        if reason:
            return dg.SkipReason(reason)
        return dg.RunRequest(run_key=f"{month:%Y-%m}", run_config=close_config(f"{month:%Y-%m}"))

    return monthly
