"""Values that drivers hand over → cells as the contract's reader expects them, exact or refused, never rounded."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from assets.company.typed_table import DECIMALS, Column

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Unfit(ValueError):
    """A value that cannot stand in a column without guessing. ``mend`` says what the source should hand over."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem, self.mend = problem, mend
        super().__init__(problem)


def cell(column: Column, value: Any, zone: ZoneInfo | None = None) -> str | None:
    """The text that a CSV would have. ``zone``: where an instant becomes a date; without one, instants are refused."""
    if value is None or value == "":
        return None
    if column.kind in ("date", "month"):
        return _day(value, zone).isoformat()
    if column.kind in DECIMALS or column.kind == "integer":
        return _number(value)
    if column.kind == "boolean":
        return _boolean(value)
    return _text(value)


def _day(value: Any, zone: ZoneInfo | None) -> date:
    if isinstance(value, datetime):
        if value.tzinfo is not None and zone is not None:
            return value.astimezone(zone).date()
        if value.tzinfo is None and value.time() == value.time().min:
            return value.date()
        raise Unfit(
            f"a point in time ({value.isoformat()}), not a date",
            "hand over a date: cast it in the source, in the company's time zone",
        )
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Unfit(f"{_shown(value)}, not a date", "hand over a date, or a text YYYY-MM-DD")


def _number(value: Any) -> str:
    if isinstance(value, bool):
        raise Unfit("true or false, not a number", "hand over a number")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # The shortest decimal that names this float; one with a longer tail is refused by the contract's reader.
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Unfit(f"{value}, not a number", "hand over a finite number or nothing")
        return f"{value:f}"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    raise Unfit(f"{_shown(value)}, not a number", "hand over a number (decimal or integer)")


def _boolean(value: Any) -> str:
    if value in (True, False) and isinstance(value, (bool, int)):  # MySQL and SQLite have no booleans but 0 and 1
        return "true" if value else "false"
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower()
    raise Unfit(f"{_shown(value)}, not true or false", "hand over a boolean")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return f"{value:f}".partition(".")[0]
    raise Unfit(f"{_shown(value)}, not a text", "hand over a text or a whole number")


def _shown(value: Any) -> str:
    return f"a value of type {type(value).__name__}" if not isinstance(value, str) else f"the text {value[:40]!r}"
