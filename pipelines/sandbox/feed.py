"""Where the simulated events go: a folder of export zips, or a local Amplitude that the last days are sent to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipelines.sandbox.events import RESENT, SAME_UUID, Events
from pipelines.sandbox.export import Exporter, Member, upload_day, write_zip
from pipelines.sandbox.flaws import HOUR_US
from pipelines.sandbox.fragments import Fragments
from pipelines.sandbox.present import now_after
from pipelines.sandbox.server import AmplitudeServer
from pipelines.sandbox.server.sending import send
from pipelines.sandbox.server.serve import server_keys
from pipelines.sandbox.spec import SandboxSpec, local_midnight_utc

SENT_DAYS = 2  # local days at the end of the history that travel through the SDK
_SENT_KEYS = (
    "event_type", "user_id", "device_id", "event_properties", "user_properties", "groups", "platform", "os_name",
    "os_version", "language", "country",
)  # fmt: skip
_NOT_IN_EXPORT = (SAME_UUID, RESENT)


class Sink(Protocol):
    """Takes batches of events; an upload hour comes whole, in one batch."""

    def accepted(self, events: Events) -> Events:
        """The entries that an export will hold."""
        ...

    def write(self, exporter: Exporter, events: Events) -> None: ...


class ZipFolder:
    """One zip per upload day, as a customer's bucket holds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def accepted(self, events: Events) -> Events:
        return events

    def write(self, exporter: Exporter, events: Events) -> None:
        days: dict[date, list[Member]] = {}
        for member in exporter.members(events):
            days.setdefault(upload_day(member[0]), []).append(member)
        for day, own in days.items():
            write_zip(self.folder / f"northwind_{day.isoformat()}.zip", own)


class SandboxClock:
    """The sandbox's own time: the server stamps what it is sent with it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class ServerFeed:
    """History is put into the server's store as it is; hours from ``sent_from_us`` on go through the real SDK.

    Amplitude drops an insert id that comes again within seven days, so what is sent holds no such repeats.
    """

    def __init__(self, server: AmplitudeServer, api_key: str, clock: SandboxClock, sent_from_us: int) -> None:
        self.server, self.api_key, self.clock, self.sent_from_us = server, api_key, clock, sent_from_us

    def accepted(self, events: Events) -> Events:
        repeats = np.isin(events.copy, _NOT_IN_EXPORT) & (events.upload_us >= self.sent_from_us)
        return events.take(~repeats)

    def write(self, exporter: Exporter, events: Events) -> None:
        for hour, part, count, gzipped in exporter.members(events):
            if hour * HOUR_US < self.sent_from_us:
                self.server.seed(_start(hour), part, gzipped, count)
            else:
                self.clock.now = _start(hour) + timedelta(minutes=30)
                send(self.server.url, self.api_key, map(_as_sent, gzip.decompress(gzipped).splitlines()))


def _start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC).replace(tzinfo=None)


def _as_sent(line: bytes) -> dict[str, Any]:
    """An exported line as the client sent it."""
    row = json.loads(line)
    moment = datetime.fromisoformat(row["event_time"]).replace(tzinfo=UTC)
    event = {key: row[key] for key in _SENT_KEYS if row[key]}
    return event | {
        "insert_id": row["$insert_id"],
        "time": int(moment.timestamp() * 1000),
        "session_id": row["session_id"],
    }


def server_store(root: Path) -> Path:
    """Where a sandbox company's Amplitude keeps what it holds."""
    return root / "amplitude"


@contextmanager
def running_server(root: Path, clock: SandboxClock) -> Iterator[tuple[AmplitudeServer, str, str]]:
    """The sandbox company's own Amplitude on a free port of this machine, with its api key and secret key."""
    api_key, secret_key = server_keys(server_store(root))
    with AmplitudeServer(server_store(root), api_key=api_key, secret_key=secret_key, clock=clock) as server:
        yield server, api_key, secret_key


@contextmanager
def server_feed(root: Path, spec: SandboxSpec, fragments: Fragments) -> Iterator[ServerFeed]:
    """A feed into the company's own Amplitude, which knows the ids that the history uses."""
    clock = SandboxClock(now_after(spec.last_day))
    first_sent = spec.last_day - timedelta(days=SENT_DAYS - 1)
    sent_from_us = round(local_midnight_utc(first_sent).timestamp()) * 1_000_000
    with running_server(root, clock) as (server, api_key, _):
        server.seed_identities(*fragments.identities())
        yield ServerFeed(server, api_key, clock, sent_from_us)
