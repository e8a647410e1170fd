"""When a review takes place: a small grammar over period ends, without any clock.

- ``<first|second|third|fourth|last> <weekday> after quarter end``: counted from the day after the end;
  ``last`` is the last such weekday of the month that follows.
- ``<N> days after quarter end``
- ``<Nth> business day after quarter end``: Monday to Friday; public holidays are not known here.

``month end`` in place of ``quarter end`` makes it monthly. Quarters are the company's fiscal quarters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from assets.company.calendar import month_end

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
EXAMPLES = "'third Thursday after quarter end', '10 days after quarter end', '5th business day after month end'"
MAX_DAYS = 366

_PERIOD = r"after (?P<period>quarter|month) end"
_NTH_WEEKDAY = re.compile(rf"(?P<nth>first|second|third|fourth|last) (?P<weekday>{'|'.join(WEEKDAYS)}) {_PERIOD}")
_DAYS = re.compile(rf"(?P<n>\d{{1,3}}) days? {_PERIOD}")
_BUSINESS_DAY = re.compile(
    rf"(?P<n>\d{{1,3}}(?=st|nd|rd|th)|first|second|third|fourth)(?:st|nd|rd|th)? business day {_PERIOD}"
)


@dataclass(frozen=True)
class ReviewRule:
    """A parsed rule: ``number`` weekdays, days or business days after the period's end (-1 = last weekday)."""

    unit: Literal["weekday", "day", "business_day"]
    number: int
    period: Literal["quarter", "month"]
    weekday: int | None = None  # Monday = 0

    def after(self, period_end: date) -> date:
        """The day of the review that belongs to the period that ends on ``period_end``."""
        if self.unit == "day":
            return period_end + timedelta(days=self.number)
        if self.unit == "business_day":
            weeks, days = divmod(self.number, 5)
            day = period_end - timedelta(days=max(0, period_end.weekday() - 4)) + timedelta(weeks=weeks)
            for _ in range(days):
                day += timedelta(days=3 if day.weekday() == 4 else 1)
            return day
        if self.weekday is None:
            raise ValueError("a rule on weekdays needs its weekday")
        if self.number == -1:
            last = month_end(period_end + timedelta(days=1))
            return last - timedelta(days=(last.weekday() - self.weekday) % 7)
        first = period_end + timedelta(days=1 + (self.weekday - period_end.weekday() - 1) % 7)
        return first + timedelta(weeks=self.number - 1)


def parse_rule(text: str) -> ReviewRule:
    """Read a rule; raises ValueError that shows the forms when it is none of them."""
    rule = " ".join(text.lower().split())
    if found := _NTH_WEEKDAY.fullmatch(rule):
        return ReviewRule("weekday", ORDINALS[found["nth"]], _period(found), WEEKDAYS.index(found["weekday"]))
    for pattern, unit in ((_DAYS, "day"), (_BUSINESS_DAY, "business_day")):
        if found := pattern.fullmatch(rule):
            number = ORDINALS.get(found["n"]) or int(found["n"])
            if 1 <= number <= MAX_DAYS:
                return ReviewRule("day" if unit == "day" else "business_day", number, _period(found))
    raise ValueError(f"{text!r} is not a review rule; write for example {EXAMPLES}")


def review_dates(rule: ReviewRule | str, period_ends: Iterable[date]) -> list[date]:
    """The review dates that belong to the given period ends, in their order."""
    parsed = parse_rule(rule) if isinstance(rule, str) else rule
    return [parsed.after(end) for end in period_ends]


def _period(found: re.Match[str]) -> Literal["quarter", "month"]:
    return "quarter" if found["period"] == "quarter" else "month"
