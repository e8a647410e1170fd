"""Which groups of marts may go out: a group with a failed blocking check stays at its last good release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

GOOD = frozenset({"pass", "not_configured"})
# Marts of the joint group are computed from both sides: fresh joint figures beside held-back money or usage
# figures would not agree with them.
BUILT_ON: dict[str, tuple[str, ...]] = {"joint": ("money", "usage")}


class CheckVerdict(Protocol):
    """What publishing needs to know about one check."""

    @property
    def name(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def asset(self) -> Sequence[str]: ...
    @property
    def group(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True)
class Reason:
    """Why a group is held back: the check (or the group it is built on) and one sentence."""

    check: str
    status: str
    message: str


def blocks(verdict: CheckVerdict) -> bool:
    """A blocking check that did not pass. An error and missing data are never a pass."""
    return verdict.severity == "block" and verdict.status not in GOOD


def held_back(groups: Mapping[str, Sequence[str]], verdicts: Sequence[CheckVerdict]) -> dict[str, tuple[Reason, ...]]:
    """Groups that must keep their last release, with the reasons; ``groups`` maps group → mart names.

    A verdict concerns the group it names and the group that holds its mart. One that concerns no known group
    (a company may group its marts differently) concerns every group: the safe side. A group that no blocking check
    concerns is held back too, because nothing vouches for it.
    """
    reasons: dict[str, list[Reason]] = {}
    vouched: set[str] = set()
    for verdict in verdicts:
        if verdict.severity != "block":
            continue
        concerned = [
            group for group, tables in groups.items() if group == verdict.group or _is_mart_of(verdict, tables)
        ]
        vouched.update(concerned or groups)
        if blocks(verdict):
            for group in concerned or groups:
                reasons.setdefault(group, []).append(Reason(verdict.name, verdict.status, verdict.message))
    for group in groups:
        if group not in vouched:
            reason = Reason("no_check", "no_data", f"no blocking check judged the {group} marts; run the checks first")
            reasons.setdefault(group, []).append(reason)
    for group, foundations in BUILT_ON.items():
        if group not in groups:
            continue
        for foundation in foundations:
            if foundation in reasons:
                reason = Reason(foundation, "held_back", f"{group} marts are computed from {foundation} marts")
                reasons.setdefault(group, []).append(reason)
    return {group: tuple(reasons[group]) for group in groups if group in reasons}


def _is_mart_of(verdict: CheckVerdict, tables: Sequence[str]) -> bool:
    return len(verdict.asset) == 2 and verdict.asset[0] == "marts" and verdict.asset[1] in tables
