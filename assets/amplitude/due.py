"""What an extraction would ask Amplitude for now, from company, ledger and clock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from assets.amplitude.archive import day_hours, local_midnight_hour
from assets.amplitude.asked import known_hours
from assets.amplitude.ledger import Ledger
from assets.amplitude.windows import Window, hours_due, plan_windows, safe_hour, start_hour
from assets.company.model import Company
from assets.home import Home


def due_windows(
    home: Home, company: Company, now: datetime, until: date | None = None, only_days: Collection[date] | None = None,
    *, again: bool = False,
) -> list[Window]:  # fmt: skip
    """The requests that an extraction would make now, newest last.

    ``until``: last local day; ``only_days``: upload days (UTC) to keep to; ``again``: also hours that are loaded.
    """
    if not home.ledger.exists():
        return plan_windows(hours_to_ask(None, company, now, until, only_days, again=again))
    with Ledger.open_read_only(home) as ledger:
        return plan_windows(hours_to_ask(ledger, company, now, until, only_days, again=again))


def hours_to_ask(
    ledger: Ledger | None, company: Company, now: datetime, until: date | None, only_days: Collection[date] | None,
    *, again: bool,
) -> dict[int, int]:  # fmt: skip
    """The hours of those requests, with the failed requests that each has had."""
    span = extracted_span(company, now)
    end = span.stop if until is None else min(span.stop, local_midnight_hour(until, company.time_zone))
    hours = list(range(span.start, end))
    if only_days is not None:
        wanted = {hour for day in only_days for hour in day_hours(day)}
        hours = [hour for hour in hours if hour in wanted]
    if again:
        return dict.fromkeys(hours, 0)
    return hours_due(hours, known_hours(ledger) if ledger else {}, now)


def extracted_span(company: Company, now: datetime) -> range:
    """Upload hours from the company's start date to the newest that can be exported."""
    if company.events.start_date is None:
        raise ValueError("an extracted source has a start date")
    return range(start_hour(company.events.start_date, company.time_zone), safe_hour(now) + 1)
