"""Events as columns: what the usage model draws and the export writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# What a record is, beside an ordinary event
ORIGINAL, SAME_UUID, RESENT, RESENT_LATE = range(4)
# How its clock behaved
CLOCK_RIGHT, CLOCK_LATE, CLOCK_WRONG = range(3)


@dataclass(frozen=True)
class Events:
    """One entry per exported record; times are microseconds since 1970 UTC.

    ``number`` is unique per record but for level 1 repeats (same ``number`` = same uuid); ``insert_number`` is shared
    by an event and what was resent of it; ``session_ms`` −1 = no session; ``account`` −1 = none; ``naming`` is how
    the record names its account; ``clock`` and ``copy`` are the constants above.
    """

    number: Ints
    insert_number: Ints
    user: Ints
    account: Ints
    device: Ints
    is_anonymous: Ints
    kind: Ints
    naming: Ints
    session_ms: Ints
    event_us: Ints
    received_us: Ints
    upload_us: Ints
    clock: Ints
    copy: Ints

    def __len__(self) -> int:
        return len(self.number)

    def take(self, which: Ints | NDArray[np.bool_]) -> Events:
        """The entries at these positions, or where the mask is true."""
        return Events(*(getattr(self, field.name)[which] for field in fields(self)))

    def but(self, **columns: Ints) -> Events:
        """A copy with some columns replaced."""
        return Events(*(columns.get(field.name, getattr(self, field.name)) for field in fields(self)))

    @classmethod
    def concat(cls, parts: Sequence[Events]) -> Events:
        """All entries of all parts, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def empty(cls) -> Events:
        """No entries."""
        return cls(*(np.zeros(0, np.int64) for _ in fields(cls)))

    @property
    def occurred_us(self) -> Ints:
        """When it happened: event_time, but the receiving time when the client's clock was wrong."""
        return np.where(self.clock == CLOCK_WRONG, self.received_us, self.event_us)
