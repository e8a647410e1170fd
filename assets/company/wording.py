"""How errors about a company's files are worded: nearest name, short value, listing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 10  # an error lists at most this many findings: enough to see the pattern


def nearest(name: str, valid: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The valid name that looks most like ``name``, or None when nothing is close."""
    by_lower = {v.lower(): v for v in sorted(valid)}
    found = difflib.get_close_matches(name.strip().lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """`` (did you mean X?)``, else the valid names when they are few, else nothing."""
    names = sorted(valid)
    guess = nearest(name, names)
    if guess is not None:
        return f" (did you mean {guess}?)"
    return f" (valid: {', '.join(names)})" if 0 < len(names) <= 16 else ""


def shown_value(value: object, limit: int = 60) -> str:
    """The offending value, quoted and cut, so that a stray blob does not fill the screen."""
    text = str(value)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def listing(lines: list[str], total: int | None = None) -> str:
    """The lines as an indented list, cut to ``SHOWN`` with a count of the rest."""
    rest = (total if total is not None else len(lines)) - min(len(lines), SHOWN)
    shown = [f"  - {line}" for line in lines[:SHOWN]]
    return "\n".join(shown + ([f"  - … and {rest:,} more"] if rest > 0 else []))
