"""Exchange rates of the sandbox company: one currency beside the reporting one."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

from pipelines.sandbox.spec import FISCAL_YEAR_STARTS_IN, SandboxSpec, add_months, month_end

_STEP = Decimal("0.000001")


def month_end_rate(month: date) -> Decimal:
    """EUR → USD on the month's last day: a slow wave, the same for every seed.

    The sixth decimal is always 1, 3, 7 or 9: then an amount in whole cents can only fall on half a cent when it is an
    odd multiple of 5,000 EUR, which no contract here is.
    """
    index = month.year * 12 + month.month
    raw = 1.09 + 0.035 * math.sin(index / 4.3) + 0.012 * math.sin(index * 1.7)
    return _not_round(Decimal(repr(round(raw, 6))), index)


def average_rate(month: date) -> Decimal:
    """Mean of the month: between the former month end and this one."""
    mean = (month_end_rate(add_months(month, -1)) + month_end_rate(month)) / 2
    return mean.quantize(_STEP)


def plan_rate(day: date) -> Decimal:
    """The budget rate of the fiscal year of ``day``."""
    fiscal_year = day.year if day.month >= FISCAL_YEAR_STARTS_IN else day.year - 1
    return Decimal("1.08") + Decimal(fiscal_year % 5) / 100


def _not_round(rate: Decimal, index: int) -> Decimal:
    return rate.quantize(Decimal("0.00001")) + _STEP * (1, 3, 7, 9)[index % 4]


def rate_rows(spec: SandboxSpec) -> list[tuple[object, ...]]:
    """Rows of ``fx_rates``: month_end and average dated the month's last day, plan dated the fiscal year's first."""
    rows: list[tuple[object, ...]] = []
    for month in [add_months(spec.first_contract_day, -1), *spec.money_months]:
        rows.append((month_end(month), "EUR", "USD", month_end_rate(month), "month_end"))
        rows.append((month_end(month), "EUR", "USD", average_rate(month), "average"))
    first_year = spec.first_contract_day.year - 1
    for year in range(first_year, spec.last_day.year + 1):
        start = date(year, FISCAL_YEAR_STARTS_IN, 1)
        rows.append((start, "EUR", "USD", plan_rate(start), "plan"))
    return rows
