"""What an ingestion request may say, and what Amplitude answers to one it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]
MAX_EVENTS = 2000
MAX_BYTES = {"/2/httpapi": 1 << 20, "/batch": 20 << 20, "/identify": 1 << 20, "/groupidentify": 1 << 20}
_DICTS = ("event_properties", "user_properties", "groups", "group_properties")
_NUMBERS = ("price", "revenue", "location_lat", "location_lng")
_INTEGERS = ("time", "session_id", "event_id", "quantity")
_TEXTS = (
    "user_id", "device_id", "event_type", "insert_id", "app_version", "platform", "os_name", "os_version",
    "device_brand", "device_manufacturer", "device_model", "carrier", "country", "region", "city", "dma", "language",
    "version_name", "currency", "productId", "revenueType", "ip", "idfa", "adid", "library", "partner_id",
)  # fmt: skip
# 2262-04-11: later times do not fit the timestamps that an export writes
_LAST_MS = 9_223_372_036_854


class Refused(Exception):
    """A request that is answered with an error: its status and the answer's body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('error', '')}".strip())
        self.status, self.body = status, {"code": status} | body


@dataclass(frozen=True)
class Batch:
    """A request's events, checked. ``client_upload``: when the client says that it sent them (UTC)."""

    events: list[Event]
    client_upload: datetime | None


def parse(body: bytes, path: str) -> dict[str, Any]:
    """The JSON object of a request, within its size."""
    if len(body) > MAX_BYTES[path]:
        raise Refused(413, {"error": "Payload too large"})
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(400, {"error": "Invalid JSON request body", "missing_field": None}) from error
    if not isinstance(document, dict):
        raise Refused(400, {"error": "Invalid JSON request body", "missing_field": None})
    return document


def check_key(given: object, api_key: str) -> None:
    """Refuse a missing or wrong api key; the answer repeats what was given, never what would be right."""
    if given in (None, ""):
        raise Refused(400, {"error": "Request missing required field", "missing_field": "api_key"})
    if given != api_key:
        raise Refused(400, {"error": f"Invalid API key: {given}"})


def check_events(document: dict[str, Any]) -> Batch:
    """The events of a request, each checked; with one that is wrong, none is taken."""
    events = document.get("events")
    if not isinstance(events, list) or not events:
        raise Refused(400, {"error": "Request missing required field", "missing_field": "events"})
    if len(events) > MAX_EVENTS:
        raise Refused(413, {"error": f"Payload too large: more than {MAX_EVENTS} events"})
    options = document.get("options")
    shortest = options.get("min_id_length") if isinstance(options, dict) else None
    shortest = shortest if isinstance(shortest, int) and shortest > 0 else 5
    missing: dict[str, list[int]] = {}
    invalid: dict[str, list[int]] = {}
    too_short: dict[str, list[int]] = {}
    checked: list[Event] = []
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            invalid.setdefault("events", []).append(index)
            continue
        for field in wrong_fields(event):
            invalid.setdefault(field, []).append(index)
        taken, short = _long_enough(event, shortest)
        if not event.get("event_type"):
            missing.setdefault("event_type", []).append(index)
        if event.get("event_type") != "$groupidentify" and not (taken.get("user_id") or taken.get("device_id")):
            for field in short or ("user_id", "device_id"):
                (too_short if short else missing).setdefault(field, []).append(index)
        checked.append(taken)
    if missing or invalid or too_short:
        error = "Request missing required field" if missing else "Invalid field values on some events"
        raise Refused(
            400,
            {
                "error": error,
                "missing_field": None,
                "events_with_missing_fields": missing,
                "events_with_invalid_fields": invalid,
                "events_with_invalid_id_lengths": too_short,
            },
        )
    return Batch(checked, _moment(document.get("client_upload_time")))


def wrong_fields(event: Event) -> list[str]:
    """Names of fields whose value has the wrong type."""
    wrong = [key for key in _DICTS if not isinstance(event.get(key, {}), (dict, type(None)))]
    wrong += [key for key in _TEXTS if not isinstance(event.get(key, ""), (str, type(None)))]
    wrong += [key for key in _NUMBERS if not _is_number(event.get(key, 0.0))]
    wrong += [key for key in _INTEGERS if not _is_whole(event.get(key, 0))]
    if "time" not in wrong and not 0 <= (event.get("time") or 0) <= _LAST_MS:
        wrong.append("time")
    return wrong


def _long_enough(event: Event, shortest: int) -> tuple[Event, list[str]]:
    """The event without ids that are too short, and their names: Amplitude drops the id, not the event."""
    short = [
        key for key in ("user_id", "device_id") if isinstance(event.get(key), str) and 0 < len(event[key]) < shortest
    ]
    return ({key: value for key, value in event.items() if key not in short} if short else event), short


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value))


def _is_whole(value: object) -> bool:
    return value is None or (_is_number(value) and float(value).is_integer())  # type: ignore[arg-type]


def _moment(value: object) -> datetime | None:
    """A client's upload time: ISO 8601 or milliseconds since 1970; UTC without a zone."""
    try:
        if isinstance(value, str) and value and not value.isdigit():
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None)
        if isinstance(value, (int, str)) and value:
            return datetime.fromtimestamp(int(value) / 1000, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(400, {"error": "Invalid field values", "missing_field": "client_upload_time"}) from error
    return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
