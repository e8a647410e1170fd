"""What a table handed to us must look like: columns, kinds, defaults. Data, not behaviour.

The kinds are strict on purpose: a value that two people could read in two ways is an error, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "date", "month", "money", "quantity", "rate", "share", "integer", "boolean", "enum", "currency"]

SQL_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "date": "DATE",
    "month": "DATE",  # first day of a month
    "money": "DECIMAL(18,4)",
    "quantity": "DECIMAL(18,4)",
    "rate": "DECIMAL(18,8)",
    "share": "DECIMAL(18,8)",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "enum": "VARCHAR",
    "currency": "VARCHAR",
}
DECIMALS: dict[str, int] = {"money": 4, "quantity": 4, "rate": 8, "share": 8}


@dataclass(frozen=True)
class Column:
    """One column: ``required`` means that the column and a value in every row are expected;
    ``default`` (SQL literal) fills empty cells of an optional column."""

    name: str
    kind: Kind = "text"
    required: bool = False
    default: str | None = None
    values: tuple[str, ...] = ()

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.kind]


@dataclass(frozen=True)
class Table:
    """A table of the input contract. ``key`` is its grain (empty: rows simply add up)."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    about: str = field(default="", compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)
