"""How the Export API is reached for a company, and what time it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from assets.amplitude.access import HOSTS, Access
from assets.company.model import Company
from assets.company.secrets import AMPLITUDE_KEYS, need_secrets


def clock() -> datetime:
    """Now, in UTC without a zone, as export hours are counted."""
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def export_access(company: Company) -> Iterator[Access | None]:
    """Host and credentials for events.source amplitude_api; None when the events lie in a folder.

    Raises InputError when credentials are missing.
    """
    if company.events.source != "amplitude_api":
        yield None
        return
    found = need_secrets(company.folder, AMPLITUDE_KEYS, "events.source amplitude_api asks Amplitude with them")
    key, secret = (found[name] for name in AMPLITUDE_KEYS)
    yield Access(HOSTS[company.events.region], key, secret, clock)
