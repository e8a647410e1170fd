"""Which top-level keys the first lines of each hourly file have: the one thing the lake cannot tell afterwards.

The reader takes the 55 keys by name, so a new key is passed over and a missing one reads as null. A look at a few lines
of each file costs microseconds; Amplitude writes all keys into every line, so a few are enough to see a change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from assets.amplitude.archive import Member
from assets.amplitude.schema import KEYS

LINES = 5
# Names beyond this are cut, and further ones left out: a broken export must not fill the ledger.
_LONGEST_NAME, _MOST_NAMES = 100, 50
_EXPECTED = frozenset(KEYS)


@dataclass
class KeySample:
    """``lines`` looked at; by key, in how many of them a key that is none of the 55 was found, or one was missing."""

    lines: int = 0
    new: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    def add(self, other: KeySample) -> None:
        self.lines += other.lines
        self.new.update(other.new)
        self.missing.update(other.missing)

    def as_row(self) -> tuple[int, str, str]:
        """Lines, and both findings as JSON, the most frequent first."""
        most = (dict(sorted(c.items(), key=lambda n: (-n[1], n[0]))[:_MOST_NAMES]) for c in (self.new, self.missing))
        new, missing = (json.dumps(found) for found in most)
        return self.lines, new, missing


class KeySampler:
    """Takes the beginning of each member; one that is read again replaces what was found before."""

    def __init__(self) -> None:
        self._found: dict[Member, KeySample] = {}

    def look(self, member: Member, beginning: bytes) -> None:
        """``beginning``: the first bytes of the member, the last line perhaps cut off."""
        sample = self._found[member] = KeySample()
        for line in beginning.split(b"\n", LINES)[:-1]:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):  # not our concern: reading the whole file judges its lines
                continue
            if isinstance(record, dict):
                sample.lines += 1
                sample.new.update(key[:_LONGEST_NAME] for key in record.keys() - _EXPECTED)
                sample.missing.update(_EXPECTED - record.keys())

    def of(self, members: Iterable[Member]) -> KeySample:
        """What was found in these members together."""
        together = KeySample()
        for member in members:
            together.add(self._found.get(member, KeySample()))
        return together
