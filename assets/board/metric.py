"""What a metric of the board is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stock", "flow", "rate"]
Unit = Literal["currency", "ratio", "count"]
Group = Literal["money", "usage", "joint"]


@dataclass(frozen=True)
class Metric:
    """One metric. ``source``: mart columns it is computed from. ``unit`` currency: the company's reporting currency.

    ``of_flows`` tells a rate's quarter: the ratio of three months' sums, else the rate at the quarter's last month end.
    ``publish_group``: whose checks vouch for its rows.
    """

    key: str
    name: str
    kind: Kind
    unit: Unit
    source: str
    definition: str
    is_higher_better: bool = True
    of_flows: bool = False
    owner: str = "finance"
    publish_group: Group = "money"

    @property
    def direction(self) -> str:
        """Which way is good."""
        return "higher_is_better" if self.is_higher_better else "lower_is_better"

    @property
    def quarter_rule(self) -> str:
        """How a quarter is made of its months: ``sum`` or ``last`` (month end), of numerator and denominator each."""
        return "sum" if self.kind == "flow" or self.of_flows else "last"

    @property
    def definition_hash(self) -> str:
        """sha256 (hex) of what the figure means: words, kind, unit, quarter, source; not name, owner or target."""
        meant = [self.key, self.kind, self.unit, self.quarter_rule, self.source, self.definition]
        return hashlib.sha256(json.dumps(meant).encode()).hexdigest()
