"""Who used what on which day, kept while the history is written, and the adoption curves that follow from it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.catalogue import LINES
from pipelines.sandbox.events import Ints
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.spec import TIME_ZONE, SandboxSpec, month_end

CURRENT_DAYS = 28


class UseDays:
    """Account × feature × local day: was it used? What happened outside the history's days is not kept."""

    def __init__(self, spec: SandboxSpec, accounts: int) -> None:
        # one account more than there are: the last stands for "none"
        self.table = np.zeros((accounts + 1, len(FEATURES), spec.days + 1), dtype=bool)
        self.day_of_hour = _day_of_hours(spec)

    def add(self, hours: Ints, accounts: Ints, features: list[int]) -> None:
        """Events by hours since the first day's 00:00 UTC, all of them use of these features."""
        days = self.day_of_hour[hours]
        for feature in features:
            self.table[accounts, feature, days] = True


def _day_of_hours(spec: SandboxSpec) -> Ints:
    """Number of the local day for every UTC hour; the last number collects every day after the history."""
    zone, first = ZoneInfo(TIME_ZONE), spec.first_usage_day
    begin = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("UTC"))
    local = [(begin + timedelta(hours=n)).astimezone(zone).date() for n in range((spec.days + 2) * 24)]
    return np.array([min(max((day - first).days, 0), spec.days) for day in local], dtype=np.int64)


def adoption(
    spec: SandboxSpec, accounts: list[Account], entitled: NDArray[np.bool_], use: UseDays
) -> list[dict[str, object]]:
    """By month, feature and segment at month end: accounts that may use the feature, those of them that ever did and
    that did in the last 28 days, and those that do without being entitled. ``entitled`` is account × line × day."""
    customers = [account for account in accounts if not account.is_internal_test]
    chosen = [account.index for account in customers]
    lines = [LINES.index(feature.line) for feature in FEATURES]
    rows: list[dict[str, object]] = []
    for month in _months(spec):
        close = month_end(month)
        last = (close - spec.first_usage_day).days
        may = entitled[chosen][:, lines, last]
        ever = use.table[chosen, :, : last + 1].any(axis=2)
        current = use.table[chosen, :, max(0, last - CURRENT_DAYS + 1) : last + 1].any(axis=2)
        for dimension, segment, members in _segments(customers, close):
            counts = [
                (here & members[:, None]).sum(axis=0) for here in (may, may & ever, may & current, current & ~may)
            ]
            rows += [
                {
                    "month_start": month.isoformat(), "feature_key": feature.key, "dimension": dimension,
                    "segment": segment, "entitled_accounts": int(counts[0][n]), "adopted_ever": int(counts[1][n]),
                    "current_accounts": int(counts[2][n]), "off_entitlement_accounts": int(counts[3][n]),
                }
                for n, feature in enumerate(FEATURES) if counts[0][n] or counts[3][n]
            ]  # fmt: skip
    return rows


def _months(spec: SandboxSpec) -> list[date]:
    months = [spec.first_usage_day.replace(day=1)]
    while month_end(months[-1]) < spec.last_day:
        months.append(month_end(months[-1]) + timedelta(days=1))
    return months


def _segments(customers: list[Account], day: date) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Every segment on a day with its members, the total first; an account that is not created yet is in none."""
    found = [("all", "all", np.ones(len(customers), bool))]
    for dimension in ("size", "industry"):
        values = []
        for account in customers:
            history = account.size_history if dimension == "size" else account.industry_history
            values.append(next((value for value, since in reversed(history) if since <= day), "unassigned"))
        found += [(dimension, value, np.array([own == value for own in values])) for value in sorted(set(values))]
    return found
