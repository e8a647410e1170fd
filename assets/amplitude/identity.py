"""Which Amplitude ids are one person: merge facts closed transitively, contradictions refused.

A fact says that one id was merged away into a survivor. The outcome depends on the set of facts alone, never on the
order in which they were landed: facts are walked by merge time, then by ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# What became of a fact
APPLIED, CYCLE, SECOND_SURVIVOR = "applied", "cycle", "second_survivor"


@dataclass(frozen=True, order=True)
class MergeFact:
    """``amplitude_id`` was merged away into ``survivor`` at ``merged_at`` (µs since 1970, UTC)."""

    merged_at: int
    amplitude_id: int
    survivor: int


@dataclass(frozen=True)
class Resolution:
    """``survivors``: for every id that was merged away, the id that stands for it in the end. ``verdicts``: every
    distinct fact once, with what became of it, in the order in which they were walked."""

    survivors: dict[int, int]
    verdicts: tuple[tuple[MergeFact, str], ...]


def resolve(facts: Iterable[MergeFact]) -> Resolution:
    """Close merge facts transitively.

    A fact told several times counts with its earliest time. A fact that would close a circle is refused (``cycle``),
    and so is one that merges an id, merged away before, into somebody else (``second_survivor``); if both turn out
    to be one person anyway, there is nothing to refuse.
    """
    earliest: dict[tuple[int, int], MergeFact] = {}
    for fact in facts:
        key = (fact.amplitude_id, fact.survivor)
        earliest[key] = min(fact, earliest.get(key, fact))
    forest = _Forest()
    verdicts = [(fact, forest.join(fact)) for fact in sorted(earliest.values())]
    settled = tuple(
        (fact, APPLIED if verdict == SECOND_SURVIVOR and forest.joins(fact) else verdict) for fact, verdict in verdicts
    )
    return Resolution(forest.survivors(), settled)


class _Forest:
    """Ids and the id each was merged into; roots are the survivors."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}
        self._shortcuts: dict[int, int] = {}

    def root(self, amplitude_id: int) -> int:
        path, at = [], amplitude_id
        while at in self._shortcuts:
            path.append(at)
            at = self._shortcuts[at]
        for passed in path:
            self._shortcuts[passed] = at
        return at

    def join(self, fact: MergeFact) -> str:
        away, survivor = fact.amplitude_id, fact.survivor
        if away in self._parents:
            return SECOND_SURVIVOR
        if self.root(survivor) == away:
            return CYCLE
        self._parents[away] = self._shortcuts[away] = survivor
        return APPLIED

    def joins(self, fact: MergeFact) -> bool:
        return self.root(fact.amplitude_id) == self.root(fact.survivor)

    def survivors(self) -> dict[int, int]:
        return {away: self.root(away) for away in sorted(self._parents)}
