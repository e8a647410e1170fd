"""How the Export API is reached for a company, and what time it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import SecretStr

from assets.amplitude.access import HOSTS, Access
from assets.company.model import Company
from assets.company.secrets import AMPLITUDE_KEYS, need_secrets
from pipelines.sandbox.present import sandbox_now


def clock(company: Company) -> datetime:
    """Now, in UTC without a zone, as export hours are counted. A sandbox company lives in its own time."""
    if company.events.source == "sandbox":
        return sandbox_now(company.folder.parent)
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def export_access(company: Company) -> Iterator[Access | None]:
    """Host and credentials of the company's Amplitude; None when the events lie in a folder.

    A sandbox company's own Amplitude runs on this machine for as long as this is entered. Raises InputError when
    credentials are missing.
    """
    if not company.events.is_extracted:
        yield None
    elif company.events.source == "sandbox":
        # Server and simulator take a second to import, which "nothing new" must not wait for.
        from pipelines.sandbox.feed import SandboxClock, running_server  # noqa: PLC0415

        now = SandboxClock(clock(company))
        with running_server(company.folder.parent, now) as (server, api_key, secret_key):
            yield Access(server.url, SecretStr(api_key), SecretStr(secret_key), now)
    else:
        found = need_secrets(company.folder, AMPLITUDE_KEYS, "events.source amplitude_api asks Amplitude with them")
        key, secret = (found[name] for name in AMPLITUDE_KEYS)
        yield Access(HOSTS[company.events.region], key, secret, lambda: clock(company))
