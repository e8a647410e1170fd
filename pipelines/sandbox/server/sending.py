"""Sending events with Amplitude's own Python SDK, and knowing afterwards what became of every one of them.

The SDK gives up after some ten seconds of retries and tells of it only in a callback; a broken connection, an answer
that is not JSON and a wrong api key it does not tell at all. So every event has a callback of its own, events without
a verdict are sent again (their insert id makes that harmless), and at the end the numbers must add up.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from http.client import HTTPException
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from amplitude import Amplitude, BaseEvent, Config
from amplitude.constants import EventLogLevel
from amplitude.event import EVENT_KEY_MAPPING, GroupIdentifyEvent
from amplitude.storage import InMemoryStorage, StorageProvider

_FIELDS = frozenset(EVENT_KEY_MAPPING) - {"plan", "ingestion_metadata", "library"}
_FLOATS = ("price", "revenue", "location_lat", "location_lng")
_UNANSWERED = "The connection broke or the answer was unreadable"
_GIVEN_UP = ("Event reached max retry times", "Destination buffer full", _UNANSWERED)
_BROKEN = (OSError, HTTPException, ValueError, KeyError, TypeError)
_INTERVAL_MILLIS = 100  # how often the SDK looks for events that wait for a retry
_QUIET_SECONDS = 15.0  # longer than the SDK waits for an answer (10 s) plus its longest pause


class SendError(Exception):
    """Not everything arrived: how many were accepted, rejected by the server, and lost on the way."""

    def __init__(self, why: str, sent: int, accepted: int, rejected: int) -> None:
        self.sent, self.accepted, self.rejected, self.lost = sent, accepted, rejected, sent - accepted - rejected
        super().__init__(f"{why}: of {sent} events {accepted} were accepted, {rejected} rejected and {self.lost} lost")


@dataclass
class Sent:
    """The outcome: ``sent`` = ``accepted`` + ``rejected``. ``requeued``: how often an event had to be given to the
    SDK again; ``reasons``: what the server said of rejected events, with counts."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    requeued: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def send(
    url: str,
    api_key: str,
    events: Iterable[dict[str, Any]],
    *,
    batch_size: int = 500,
    rounds: int = 5,
    pause: float = 1.0,
    min_id_length: int | None = None,
    quiet_seconds: float = _QUIET_SECONDS,
) -> Sent:
    """Send events in their order, one request of ``batch_size`` events after the other.

    An event is a dict with the SDK's names: ``event_type``, ``insert_id`` and ``time`` (ms) always, ``user_id`` or
    ``device_id``, ``event_properties`` and so on; ``$identify`` and ``$groupidentify`` are events too. Decimals, dates
    and NaN are converted, because the SDK would drop or break them. What an outage longer than the SDK's retries
    dropped is given to it again, at most ``rounds`` times with ``pause`` seconds before each. Raises ValueError for an
    event that the SDK would drop silently, SendError when an event's fate stays unknown or the api key is refused.
    """
    total = Sent()
    rest = iter(events)
    with _loopback_without_proxy(url), _client(url, api_key, batch_size, min_id_length) as line:
        while batch := [_event(event) for event in islice(rest, batch_size)]:
            _send_batch(line, batch, total, rounds, pause, quiet_seconds)
    if total.accepted + total.rejected != total.sent:
        raise SendError("the counts do not add up", total.sent, total.accepted, total.rejected)
    return total


def plain(value: Any) -> Any:
    """A value as the SDK takes it: numbers for decimals, ISO text for dates, no NaN and no null inside lists."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        items = [plain(item) for item in value]
        return [str(item) if isinstance(item, list) else item for item in items if item is not None]
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


class _Held(StorageProvider):
    """Gives the SDK a storage that we can look into: whether events still wait there."""

    def __init__(self) -> None:
        self.storage = InMemoryStorage()

    def get_storage(self) -> InMemoryStorage:
        return self.storage


class _Warnings(logging.Handler):
    """What the SDK only logs. Nothing of it is passed on: it quotes events."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.key_refused = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "Invalid API Key":
            self.key_refused.set()


def _told(post: Callable[[list[BaseEvent]], None]) -> Callable[[list[BaseEvent]], None]:
    """The SDK's request, with a verdict where the SDK would forget the events without a word."""

    def told(events: list[BaseEvent]) -> None:
        try:
            post(events)
        except _BROKEN as error:
            for event in events:
                event.callback(0, f"{_UNANSWERED} ({type(error).__name__})")

    return told


@dataclass
class _Line:
    """A client of the SDK with what we must see of its inside."""

    client: Amplitude
    storage: InMemoryStorage
    warnings: _Warnings


@contextmanager
def _client(url: str, api_key: str, batch_size: int, min_id_length: int | None) -> Iterator[_Line]:
    held, warnings = _Held(), _Warnings()
    logger = logging.Logger("amplitude-sending")  # stands alone: no handler of the process sees its records
    logger.addHandler(warnings)
    config = Config(
        server_url=url.rstrip("/") + "/2/httpapi",
        flush_queue_size=batch_size,
        flush_interval_millis=_INTERVAL_MILLIS,
        min_id_length=min_id_length,
        storage_provider=held,
        logger=logger,
        event_log_level=EventLogLevel.NONE,
    )
    line = _Line(Amplitude(api_key, config), held.storage, warnings)
    held.storage.workers.send = _told(held.storage.workers.send)
    try:
        yield line
    finally:
        held.storage.pull_all()  # after an error nothing more shall leave
        line.client.shutdown()


class _Verdicts:
    """What became of the events of one batch, by position."""

    def __init__(self, size: int) -> None:
        self.open = set(range(size))
        self.accepted = self.rejected = 0
        self.dropped: list[int] = []
        self.reasons: dict[str, int] = {}
        self.changed = threading.Condition()
        self.last = time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Give verdicts some time; whether any is still open."""
        with self.changed:
            if self.open:
                self.changed.wait(seconds)
            return bool(self.open)

    def tell(self, position: int, code: int, message: str | None) -> None:
        with self.changed:
            self.last = time.monotonic()
            if position not in self.open:
                return  # a late verdict on what was sent twice
            self.open.discard(position)
            if 200 <= code < 300:
                self.accepted += 1
            elif (message or "").startswith(_GIVEN_UP):
                self.dropped.append(position)
            else:
                self.rejected += 1
                reason = f"{code} {message or ''}".strip()
                self.reasons[reason] = self.reasons.get(reason, 0) + 1
            self.changed.notify_all()


def _send_batch(
    line: _Line, batch: list[BaseEvent], total: Sent, rounds: int, pause: float, quiet_seconds: float
) -> None:
    """One batch until every event of it has a verdict, or the rounds are used up."""
    total.sent += len(batch)
    waiting = batch
    for number in range(rounds + 1):
        if number:
            total.requeued += len(waiting)
            time.sleep(pause)
        verdicts = _attempt(line, waiting, quiet_seconds)
        total.accepted += verdicts.accepted
        total.rejected += verdicts.rejected
        for reason, count in verdicts.reasons.items():
            total.reasons[reason] = total.reasons.get(reason, 0) + count
        if line.warnings.key_refused.is_set():
            raise SendError("the server refuses the api key", total.sent, total.accepted, total.rejected)
        waiting = [waiting[position] for position in sorted({*verdicts.dropped, *verdicts.open})]
        if not waiting:
            return
    raise SendError(f"the server did not answer in {rounds + 1} rounds", total.sent, total.accepted, total.rejected)


def _attempt(line: _Line, events: list[BaseEvent], quiet_seconds: float) -> _Verdicts:
    verdicts = _Verdicts(len(events))
    with line.storage.lock:  # the SDK's own thread must not take half of a batch away
        for position, event in enumerate(events):
            event.event_callback = _callback(verdicts, position)
            event.retry = 0
            line.client.track(event)
        line.client.flush()
    while verdicts.wait(0.05) and not line.warnings.key_refused.is_set():
        is_quiet, waits = time.monotonic() - verdicts.last > quiet_seconds, line.storage.total_events > 0
        if is_quiet and not waits:
            break
        if is_quiet:  # the SDK's thread can end at the moment at which an event is queued: wake it
            verdicts.last = time.monotonic()
            line.client.flush()
    return verdicts


def _callback(verdicts: _Verdicts, position: int) -> Any:
    # A function, not a partial: the SDK copies its events deeply, and must not copy the verdicts with them
    return lambda event, code, message=None: verdicts.tell(position, code, message)


def _event(given: dict[str, Any]) -> BaseEvent:
    unknown = given.keys() - _FIELDS
    if unknown:
        raise ValueError(f"the SDK does not know the event field {sorted(unknown)[0]}")
    kind = given.get("event_type")
    if not kind or not given.get("insert_id") or not given.get("time"):
        raise ValueError("an event needs event_type, insert_id and time: without them every retry is a new event")
    is_group = kind == "$groupidentify"
    if not is_group and not (given.get("user_id") or given.get("device_id")):
        raise ValueError("an event needs a user_id or a device_id")
    values = {key: plain(value) for key, value in given.items() if value is not None and key != "event_type"}
    values |= {key: float(values[key]) for key in _FLOATS if isinstance(values.get(key), int)}
    event = GroupIdentifyEvent(**values) if is_group else BaseEvent(kind, **values)
    for key, value in values.items():
        if value is not None and event[key] is None:
            raise ValueError(f"the SDK does not take the value of the event field {key}")
    return event


@contextmanager
def _loopback_without_proxy(url: str) -> Iterator[None]:
    """The SDK obeys the proxy of the environment; a server on this machine must not be asked through it."""
    host = urlsplit(url).hostname or ""
    if host not in ("127.0.0.1", "localhost"):
        yield
        return
    before = os.environ.get("no_proxy")
    known = before if before is not None else os.environ.get("NO_PROXY", "")
    os.environ["no_proxy"] = ",".join(filter(None, (known, host)))
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before
