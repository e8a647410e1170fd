"""What a check is, as plain data, and what it can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Group = Literal["money", "usage", "joint"]
Severity = Literal["block", "warn"]
Status = Literal["pass", "fail", "error", "no_data", "not_configured"]

_NAME = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class Expect:
    """One expectation: ``kind`` is a Great Expectations type in snake case, ``arguments`` are its own.

    ``name`` is stable (Great Expectations' ids are random) and unique among the checks of an asset. ``says`` states in
    words what must be true.
    """

    kind: str
    name: str
    says: str
    arguments: Mapping[str, Any]

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """Columns whose null rows the expectation would silently skip. None for an expectation about nulls."""
        if self.kind.endswith("_be_null"):
            return ()
        named = [self.arguments[key] for key in ("column", "column_A", "column_B") if key in self.arguments]
        return (*named, *self.arguments.get("column_list", ()))


@dataclass(frozen=True)
class Suite:
    """Expectations over one small audit table.

    ``frame`` (``schema.table``) has one row per subject of the check, with the columns ``subject`` (text without
    personal data), ``is_configured`` (false: the company does not hand over what this needs) and ``has_data`` (false:
    there was nothing to judge). ``rows`` keeps only the rows with these values. ``asset`` is the asset the verdicts
    are shown on, ``group`` the publish group a blocking verdict holds back, ``mend`` what to do when it does not hold.
    """

    name: str
    frame: str
    asset: tuple[str, str]
    group: Group
    severity: Severity
    description: str
    owner: str
    mend: str
    configured_when: str
    expectations: tuple[Expect, ...]
    rows: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.expectations:
            raise ValueError(f"suite {self.name} expects nothing, and so would always pass")
        for name in (self.name, *(expectation.name for expectation in self.expectations)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"check name {name!r} must consist of a-z, 0-9 and _")
        if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", self.frame):
            raise ValueError(f"suite {self.name}: frame {self.frame!r} is not schema.table")


@dataclass(frozen=True)
class Verdict:
    """What one expectation found.

    ``observed`` is a small JSON-able summary, ``failing_rows`` a few rows of the audit frame (no personal data),
    ``message`` one sentence: what, where, how to mend.
    """

    name: str
    suite: str
    asset: tuple[str, str]
    group: Group
    severity: Severity
    status: Status
    observed: Mapping[str, Any]
    failing_rows: tuple[Mapping[str, Any], ...]
    message: str

    @property
    def passed(self) -> bool:
        """Only a judged pass, or a check that does not apply. An error or missing data is never a pass."""
        return self.status in ("pass", "not_configured")

    @property
    def blocks(self) -> bool:
        """Whether the publish group is held back."""
        return self.severity == "block" and not self.passed


def unique(suites: tuple[Suite, ...]) -> tuple[Suite, ...]:
    """The suites as given. Raises ValueError when two checks of one asset, or two suites, share a name."""
    seen: set[tuple[object, str]] = set()
    for suite in suites:
        for key in [("suite", suite.name), *((suite.asset, expectation.name) for expectation in suite.expectations)]:
            if key in seen:
                raise ValueError(f"two checks are called {key[1]} on {key[0]}")
            seen.add(key)
    return suites
