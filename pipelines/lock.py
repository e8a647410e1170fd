"""One refresh at a time in one LENS_HOME."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from assets.errors import InputError
from assets.home import Home


class Busy(InputError):
    """Another refresh holds the lock."""


@contextmanager
def refresh_lock(home: Home) -> Iterator[None]:
    """Hold the refresh lock; the system lets go of it when the process ends, however it ends.

    Raises Busy naming the process that holds it.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with home.refresh_lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                f"another refresh is running ({_holder(home)})",
                where=str(home.refresh_lock),
                mend="wait until it has ended; `lens status` shows the last release, which stays readable meanwhile",
            ) from error
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}))
        file.flush()
        yield


def _holder(home: Home) -> str:
    try:
        held = json.loads(home.refresh_lock.read_text(encoding="utf-8"))
    except ValueError:
        return "it has just started"
    return f"process {held['pid']}, since {held['since']}"


def is_busy(home: Home) -> str | None:
    """Who holds the lock, or None."""
    try:
        with refresh_lock(home):
            return None
    except Busy as busy:
        return busy.what
