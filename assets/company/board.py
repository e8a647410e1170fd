"""board.yaml: which metrics the board sees, and when it and the quarterly reviews meet."""

from __future__ import annotations

import datetime as dt  # not `date`: Review has a field of that name
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from assets.company.calendar import month_ends, quarter_ends
from assets.company.review_rule import MAX_DAYS, parse_rule

if TYPE_CHECKING:
    from assets.company.model import Settings


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoardMetric(_Part):
    """A metric on the board's page, with an optional target in the metric's own unit."""

    metric: str = Field(min_length=1)
    target: float | None = Field(default=None, allow_inf_nan=False)


class Review(_Part):
    """A meeting that wants fresh figures: on one ``date``, or by a ``rule`` on the fiscal calendar."""

    name: str = Field(min_length=1)
    date: dt.date | None = None
    rule: str | None = None
    refresh_days_before: int = Field(default=1, ge=0, le=60)

    @field_validator("date", mode="before")
    @classmethod
    def _only_dates(cls, value: Any) -> Any:
        if (
            value is None
            or (type(value) is dt.date)
            or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value))
        ):
            return value
        raise ValueError("not a date YYYY-MM-DD")

    @field_validator("rule")
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rule(value)
        return value

    @model_validator(mode="after")
    def _one_of(self) -> Review:
        if (self.date is None) == (self.rule is None):
            raise ValueError("give a review either a date or a rule")
        return self

    def dates(self, company: Settings, start: dt.date, end: dt.date) -> list[dt.date]:
        """Days from ``start`` to ``end`` (both inclusive) on which the review takes place, sorted."""
        if self.date is not None:
            return [self.date] if start <= self.date <= end else []
        rule = parse_rule(self.rule or "")
        first = start - dt.timedelta(days=MAX_DAYS)  # no rule reaches further past its period's end
        if rule.period == "month":
            ends = month_ends(first, end)
        else:
            ends = quarter_ends(first, end, company.fiscal_year_starts_in)
        return sorted({day for day in map(rule.after, ends) if start <= day <= end})


def _metric(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else () if value is None else value


class Board(_Part):
    """``metrics`` in the order of the page; ``reviews`` with distinct names."""

    metrics: Annotated[tuple[Annotated[BoardMetric, BeforeValidator(_metric)], ...], BeforeValidator(_tuple)] = ()
    reviews: Annotated[tuple[Review, ...], BeforeValidator(_tuple)] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Board:
        for what, names in (("metric", [m.metric for m in self.metrics]), ("review", [r.name for r in self.reviews])):
            repeated = sorted({n for n in names if names.count(n) > 1})
            if repeated:
                raise ValueError(f"{what} {', '.join(repeated)} is listed more than once")
        return self
