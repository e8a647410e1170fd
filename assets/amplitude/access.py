"""Where the Export API is, and as whom to ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

HOSTS = {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}


@dataclass(frozen=True)
class Access:
    """What extraction needs from outside: where to ask, as whom, and what time it is there (UTC, without zone)."""

    base_url: str
    api_key: SecretStr
    secret_key: SecretStr
    now: Callable[[], datetime]
