"""The switches: environment variables, read once, and wrong ones refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.errors import InputError
from assets.home import Home

PROFILES = ("local",)
AUTOMATION = ("off", "on")
_KNOWN = {
    "LENS_HOME": "where everything is kept (default .lens/)",
    "LENS_COMPANY": "the company folder (default: the bundled sandbox company)",
    "LENS_PROFILE": "the engine that builds the marts: local",
    "LENS_AUTOMATION": "whether schedules and sensors are registered: off or on",
    "LENS_ALERT_COMMAND": "a command that is run when a refresh fails; it gets the message on standard input",
    "LENS_HASH_KEY": "the key that user ids are hashed with (events.hash_user_ids); better kept in the folder's .env",
    "LENS_WAREHOUSE": "set by the pipeline for dbt, not by people",
    "LENS_TEST_DATA": "where the test suite finds its example data",
}


@dataclass(frozen=True)
class Settings:
    """Where we write (home, profile), what we read (company), what runs by itself (automation)."""

    home: Home
    company: Path
    is_sandbox: bool
    profile: str
    automation: bool
    alert_command: str | None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises InputError on an unknown variable or value."""
    env = dict(os.environ if environ is None else environ)
    for name in sorted(key for key in env if key.startswith("LENS_") and key not in _KNOWN):
        raise InputError(f"unknown setting {name}", where="environment", mend="known settings: " + ", ".join(_KNOWN))
    profile = _choice(env, "LENS_PROFILE", PROFILES)
    automation = _choice(env, "LENS_AUTOMATION", AUTOMATION)
    home = Home(Path(env.get("LENS_HOME") or ".lens").expanduser().resolve())
    company = env.get("LENS_COMPANY")
    return Settings(
        home=home,
        company=Path(company).expanduser().resolve() if company else home.sandbox / "demo" / "company",
        is_sandbox=not company,
        profile=profile,
        automation=automation == "on",
        alert_command=env.get("LENS_ALERT_COMMAND") or None,
    )


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = env.get(name) or allowed[0]
    if value not in allowed:
        raise InputError(f"{name} is '{value}'", where="environment", mend="use one of: " + ", ".join(allowed))
    return value
