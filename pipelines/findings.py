"""What `lens doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``mend`` is empty when there is nothing to mend."""

    level: Level
    what: str
    mend: str = ""
