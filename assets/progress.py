"""How long work says how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

# stage, done, total (total 0 = not known). Called often: listeners must be cheap.
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """The listener of those who do not want to hear."""
