"""A local Amplitude server with a clock that the test sets, and what a client reads from it."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from pipelines.sandbox.server import AmplitudeServer
from support.export_archive import event, lines

API_KEY, SECRET_KEY = "canary-api-key-51f0", "canary-secret-key-a7c2"
AUTH = (API_KEY, SECRET_KEY)
NOW = datetime(2026, 3, 5, 10, 15)
HOUR = timedelta(hours=1)


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def server(folder: Path, clock: Clock | None = None, port: int = 0) -> AmplitudeServer:
    """Not started yet."""
    return AmplitudeServer(
        folder / "amplitude", api_key=API_KEY, secret_key=SECRET_KEY, clock=clock or Clock(), port=port
    )


def sent(number: int = 0, **changes: Any) -> dict[str, Any]:
    """An event as a client sends it; distinct by ``number``."""
    return {
        "event_type": "Report Opened", "user_id": f"user-{number % 4}", "device_id": f"device-{number % 5}",
        "insert_id": f"insert-{number}", "time": milliseconds(NOW) + number, "session_id": milliseconds(NOW),
        "event_properties": {"n": number}, "groups": {"account": "acct-1"},
    } | changes  # fmt: skip


def milliseconds(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1)) / timedelta(milliseconds=1))


def post(
    running: AmplitudeServer, events: Iterable[dict[str, Any]], path: str = "/2/httpapi", **more: Any
) -> httpx.Response:
    """One ingestion request."""
    body = {"api_key": API_KEY, "events": list(events)} | more
    return httpx.post(running.url + path, json=body, trust_env=False)


def get(running: AmplitudeServer, path: str, auth: tuple[str, str] | None = AUTH, **query: str) -> httpx.Response:
    return httpx.get(running.url + path, params=query, auth=auth, trust_env=False, timeout=10)


def export(running: AmplitudeServer, start: datetime = NOW, end: datetime | None = None) -> httpx.Response:
    """The Export API for the hours of ``start`` … ``end``."""
    window = {"start": f"{start:%Y%m%dT%H}", "end": f"{end or start:%Y%m%dT%H}"}
    return get(running, "/api/2/export", **window)


def members(response: httpx.Response) -> dict[str, list[dict[str, Any]]]:
    """Rows by member of an exported zip, which is checked on the way."""
    assert response.status_code == 200, response.text
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return {
            name: [json.loads(line) for line in gzip.decompress(archive.read(name)).splitlines()]
            for name in archive.namelist()
        }


def rows(response: httpx.Response) -> list[dict[str, Any]]:
    """All rows of an exported zip."""
    return [row for part in members(response).values() for row in part]


def hour_file(hour: datetime, count: int) -> bytes:
    """A finished hour file, to seed the server with."""
    return gzip.compress(lines(event(hour, n) for n in range(count)), mtime=0)


def settles(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it comes true within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
