"""The sandbox company's own time, which stands still: light to import, because every refresh asks for it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from assets.errors import InputError
from pipelines.sandbox.spec import local_midnight_utc


def now_after(last_day: date) -> datetime:
    """UTC: the last hour of that local day has just become exportable."""
    end = local_midnight_utc(last_day + timedelta(days=1)).astimezone(UTC).replace(tzinfo=None)
    return end + timedelta(hours=2, minutes=30)


def sandbox_now(root: Path) -> datetime:
    """The time of the sandbox company that was built in a folder. Raises InputError when it is not there."""
    marker = root / "sandbox.json"
    if not (marker.is_file() and (root / "amplitude").is_dir()):
        raise InputError(
            "the company folder asks for the sandbox's own Amplitude, which is not beside it",
            where=str(root / "amplitude"),
            mend="make the company with `lens sandbox build`, or set events.source to export_archive or amplitude_api",
        )
    last_day = json.loads(marker.read_text(encoding="utf-8"))["spec"]["last_day"]
    return now_after(date.fromisoformat(last_day))
