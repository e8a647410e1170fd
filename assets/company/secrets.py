"""Secrets of one company: the environment of the process first, then the company folder's ``.env``.

Values are handed to whoever asked and kept nowhere else: not in objects that are printed, logged or published.
"""

from __future__ import annotations

import os
from pathlib import Path


def secret(folder: Path, name: str) -> str | None:
    """The value of one secret, or None when neither place gives it one."""
    return os.environ.get(name) or _env_file(Path(folder) / ".env").get(name) or None


def _env_file(path: Path) -> dict[str, str]:
    """``KEY=VALUE`` lines; quotes around a value and a leading ``export`` are taken off, comments left out."""
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        key, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not key.lstrip().startswith("#"):
            values[key.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return "" if value.startswith("#") else value.partition(" #")[0].rstrip()
