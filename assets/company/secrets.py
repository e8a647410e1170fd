"""Secrets of a company: from the process environment, else from the ``.env`` of the company folder. Never shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from assets.errors import InputError

AMPLITUDE_KEYS = ("AMPLITUDE_API_KEY", "AMPLITUDE_SECRET_KEY")


def find_secrets(
    folder: Path, names: tuple[str, ...], environ: Mapping[str, str] | None = None
) -> dict[str, SecretStr]:
    """The named secrets that have a value; the environment wins over the file."""
    env = os.environ if environ is None else environ
    file = _parsed(folder / ".env")
    found = {name: (env.get(name) or "").strip() or file.get(name, "") for name in names}
    return {name: SecretStr(value) for name, value in found.items() if value}


def secret(folder: Path, name: str) -> str | None:
    """The value of one secret, or None when neither place gives it one. For use at once, not to be kept."""
    found = find_secrets(folder, (name,)).get(name)
    return found.get_secret_value() if found else None


def need_secrets(folder: Path, names: tuple[str, ...], why: str) -> dict[str, SecretStr]:
    """As ``find_secrets``; raises InputError naming those that are missing."""
    found = find_secrets(folder, names)
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {why}",
            where=f"{folder / '.env'} and the environment",
            mend="write NAME=value lines into .env (.env.example in the folder shows them), or set the variables",
        )
    return found


def secrets_file_names(folder: Path) -> frozenset[str]:
    """Names that the folder's ``.env`` gives a value to."""
    return frozenset(_parsed(folder / ".env"))


def is_readable_by_others(folder: Path) -> bool:
    """Whether other users of this machine may read the folder's ``.env``."""
    path = folder / ".env"
    return path.is_file() and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _parsed(path: Path) -> dict[str, str]:
    """``NAME=value`` lines, with ``export`` and quotes as shells allow them; comments and empty values are left out."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", where=str(path), mend="make it readable"
        ) from None
    values = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#") and _unquoted(value.strip()):
            values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return "" if value.startswith("#") else value.partition(" #")[0].rstrip().strip("'\"")
