"""The company's fiscal calendar: quarters that start in the month company.yaml names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class FiscalQuarter:
    """A fiscal quarter: first and last day (both inclusive), its fiscal year, its number (1-4) and its label,
    ``FY2026 Q3``, as in dim_date."""

    start: date
    end: date
    fiscal_year: int
    number: int
    label: str


def month_start(day: date) -> date:
    return day.replace(day=1)


def add_months(day: date, months: int) -> date:
    """The first day of the month ``months`` after (or before) the month of ``day``."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(day: date) -> date:
    return add_months(day, 1) - timedelta(days=1)


def fiscal_quarter(day: date, fiscal_year_starts_in: int) -> FiscalQuarter:
    """The fiscal quarter that holds ``day``. A fiscal year is named after the calendar year it ends in."""
    months_in = (day.month - fiscal_year_starts_in) % 12
    start = add_months(day, -(months_in % 3))
    year_start = add_months(day, -months_in)
    year = add_months(year_start, 11).year
    number = months_in // 3 + 1
    end = add_months(start, 3) - timedelta(days=1)
    return FiscalQuarter(start, end, year, number, f"FY{year} Q{number}")


def quarter_ends(start: date, end: date, fiscal_year_starts_in: int) -> Iterator[date]:
    """Last days of the fiscal quarters that end between ``start`` and ``end``, both inclusive."""
    quarter = fiscal_quarter(start, fiscal_year_starts_in)
    while quarter.end <= end:
        yield quarter.end
        quarter = fiscal_quarter(quarter.end + timedelta(days=1), fiscal_year_starts_in)


def month_ends(start: date, end: date) -> Iterator[date]:
    """Last days of the calendar months that end between ``start`` and ``end``, both inclusive."""
    day = month_end(start)
    while day <= end:
        yield day
        day = month_end(day + timedelta(days=1))
