"""What the connectors need is an extra: imported when a source asks for it, missed in one clear sentence."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from assets.errors import InputError

# kind → what must be importable to ask it (a SQLAlchemy URL may need a driver of its own besides)
NEEDED: dict[str, tuple[str, ...]] = {
    "sql": ("sqlalchemy",),
    "mongodb": ("pymongo",),
    "stripe": ("dlt",),
    "salesforce": ("dlt",),
}


def missing(kind: str) -> list[str]:
    """Packages that a source of this kind needs and that are not installed."""
    return [name for name in NEEDED.get(kind, ()) if importlib.util.find_spec(name) is None]


def extra_error(kind: str, package: str) -> InputError:
    return InputError(
        f"the source {kind} needs the package {package}, which is not installed",
        where="company.yaml, key finance.sources",
        mend="pip install 'product-lens[connectors]'",
    )


@contextmanager
def needs_extra(kind: str) -> Iterator[None]:
    """Around the imports of an extra: a missing package becomes an InputError that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise extra_error(kind, str(error.name).partition(".")[0]) from None
