"""What each endpoint answers, apart from HTTP itself."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from pipelines.sandbox.server.annotations import add_annotation, list_annotations
from pipelines.sandbox.server.records import Arrival, Clock, Writer, milliseconds
from pipelines.sandbox.server.requests import MAX_BYTES, Batch, Event, Refused, check_events, check_key, parse
from pipelines.sandbox.server.store import Store, hour_number
from pipelines.sandbox.server.zipping import MAX_BYTES as MAX_ZIP
from pipelines.sandbox.server.zipping import MAX_MEMBERS, Body, zip_of

INGESTION = frozenset(MAX_BYTES)
EXPORT, ANNOTATIONS = "/api/2/export", "/api/3/annotations"
_HOURS_IN_A_REQUEST = 365 * 24
_WAIT = 3  # hours until an upload hour can be exported


@dataclass(frozen=True)
class Answer:
    """A status, a body and its type."""

    status: int
    body: Body
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, document: object) -> Answer:
    """Status and JSON."""
    return Answer(status, Body.of(json.dumps(document).encode()))


def text_answer(status: int, text: str, **headers: str) -> Answer:
    """Status and plain text."""
    return Answer(status, Body.of(text.encode()), "text/plain; charset=utf-8", headers)


@dataclass
class Limits:
    """How much the server takes. ``events_per_second``: of one user or device, before it is throttled (None: any)."""

    max_bytes: int = MAX_ZIP
    max_concurrent: int = 4
    events_per_second: int | None = None


class Endpoints:
    """The answers of one server."""

    def __init__(self, store: Store, project: int, keys: tuple[str, str], clock: Clock, limits: Limits) -> None:
        self._store, self._project, self._keys, self._clock, self._limits = store, project, keys, clock, limits
        self._writer = Writer(store, project)
        self._lock, self._exporting = threading.Lock(), 0
        self._second: tuple[datetime | None, Counter[tuple[str, str]]] = (None, Counter())

    def ingest(self, path: str, body: bytes, address: str) -> Answer:
        """One of the four ways to send events."""
        form = path in ("/identify", "/groupidentify")
        try:
            batch = self._identifies(path, body) if form else self._events(path, body)
            arrival = Arrival(self._clock(), path, address)
            self._throttle(batch.events, arrival.at)
        except Refused as refused:
            return json_answer(refused.status, refused.body)
        self._writer.take(batch, arrival)
        if form:
            return text_answer(200, "success")
        taken = {"events_ingested": len(batch.events), "payload_size_bytes": len(body)}
        return json_answer(200, {"code": 200} | taken | {"server_upload_time": milliseconds(arrival.at)})

    @contextmanager
    def export_slot(self) -> Iterator[bool]:
        """One of the concurrent exports allowed, for as long as it is sent; False when there is none left."""
        with self._lock:
            free = self._exporting < self._limits.max_concurrent
            self._exporting += free
        try:
            yield free
        finally:
            with self._lock:
                self._exporting -= free

    def export(self, query: Mapping[str, str]) -> Answer:
        """The zip of a window of upload hours."""
        try:
            first, last = _hour(query, "start"), _hour(query, "end")
        except ValueError as error:
            return text_answer(400, f"Invalid request: {error}")
        if first > last:
            return text_answer(400, "Invalid request: start is after end")
        if last - first >= _HOURS_IN_A_REQUEST:
            return text_answer(400, "Invalid request: more than 365 days")
        ready = hour_number(self._clock()) - _WAIT
        parts = self._store.parts(first, min(last, ready))
        if not parts:
            return text_answer(404, "Raw data files were not found")
        if sum(part.bytes for part in parts) > self._limits.max_bytes or len(parts) > MAX_MEMBERS:
            return text_answer(400, "The amount of data is larger than the limit of 4 GB: request a shorter time")
        body = zip_of(parts, self._project)
        if body.length > MAX_ZIP:
            return text_answer(400, "The amount of data is larger than the limit of 4 GB: request a shorter time")
        name = f"{query['start']}-{query['end']}.zip"
        return Answer(200, body, "application/zip", {"Content-Disposition": f"attachment; filename={name}"})

    def annotations(self, query: Mapping[str, str]) -> Answer:
        """The chart annotations."""
        try:
            return json_answer(200, {"data": list_annotations(self._store, query)})
        except ValueError as error:
            return json_answer(400, {"error": f"Invalid field: {error}"})

    def annotate(self, body: bytes, kind: str) -> Answer:
        """A new chart annotation."""
        try:
            is_form = kind.startswith("application/x-www-form-urlencoded")
            given: object = _form(body) if is_form else json.loads(body)
            return json_answer(200, {"data": add_annotation(self._store, given)})
        except Refused as refused:
            return json_answer(refused.status, refused.body)
        except ValueError as error:
            return json_answer(400, {"error": f"Invalid field: {error}"})

    def refusal(self, authorization: str | None) -> Answer | None:
        """Why these credentials do not open the Export API or the annotations; None when they do."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "basic" or not token.strip():
            return text_answer(401, "Unauthorized", **{"WWW-Authenticate": 'Basic realm="Amplitude"'})
        try:
            given = base64.b64decode(token.strip(), validate=True)
        except binascii.Error:
            return text_answer(401, "Unauthorized", **{"WWW-Authenticate": 'Basic realm="Amplitude"'})
        right = ":".join(self._keys).encode()
        return None if hmac.compare_digest(given, right) else text_answer(403, "Invalid API Key")

    def _events(self, path: str, body: bytes) -> Batch:
        document = parse(body, path)
        check_key(document.get("api_key"), self._keys[0])
        return check_events(document)

    def _identifies(self, path: str, body: bytes) -> Batch:
        """Form-encoded identifications as the events that they are in an export."""
        if len(body) > MAX_BYTES[path]:
            raise Refused(413, {"error": "Payload too large"})
        form = _form(body)
        check_key(form.get("api_key"), self._keys[0])
        if not form.get("identification"):
            raise Refused(400, {"error": "Request missing required field", "missing_field": "identification"})
        given = parse(form["identification"].encode(), path) if form["identification"].lstrip()[:1] == "{" else None
        many = [given] if given is not None else _array(form["identification"])
        make = _identify if path == "/identify" else _group_identify
        return check_events({"events": [make(one) if isinstance(one, dict) else one for one in many]})

    def _throttle(self, events: list[Event], now: datetime) -> None:
        limit = self._limits.events_per_second
        if limit is None:
            return
        second = now.replace(microsecond=0)
        with self._lock:
            counts = self._second[1] if self._second[0] == second else Counter[tuple[str, str]]()
            names = [[(kind, str(e[kind])) for kind in ("user_id", "device_id") if e.get(kind)] for e in events]
            would = counts + Counter(name for of_event in names for name in of_event)
            over = {name: count for name, count in would.items() if count > limit}
            if not over:
                self._second = (second, would)
                return
        raise Refused(429, _throttled(over, names, limit))


def _throttled(over: dict[tuple[str, str], int], names: list[list[tuple[str, str]]], limit: int) -> dict[str, Any]:
    return {
        "error": "Too many requests for some devices and users",
        "eps_threshold": limit,
        "throttled_users": {name: count for (kind, name), count in over.items() if kind == "user_id"},
        "throttled_devices": {name: count for (kind, name), count in over.items() if kind == "device_id"},
        "throttled_events": [i for i, of_event in enumerate(names) if any(name in over for name in of_event)],
    }


def _hour(query: Mapping[str, str], name: str) -> int:
    """Hours since 1970 of YYYYMMDDTHH, the only form that Amplitude takes."""
    text = query.get(name, "")
    if not re.fullmatch(r"\d{8}T\d{2}", text, re.ASCII):
        raise ValueError(f"{name} is not YYYYMMDDTHH")
    try:
        return hour_number(datetime.strptime(text, "%Y%m%dT%H"))  # noqa: DTZ007 - UTC without a zone
    except ValueError as error:
        raise ValueError(f"{name} is not a date and hour") from error


def _form(body: bytes) -> dict[str, str]:
    try:
        return {key: values[-1] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError as error:
        raise Refused(400, {"error": "Invalid form body", "missing_field": None}) from error


def _array(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refused(400, {"error": "Invalid JSON in identification", "missing_field": None}) from error
    return found if isinstance(found, list) else [found]


def _identify(given: dict[str, Any]) -> Event:
    return given | {"event_type": "$identify"}


def _group_identify(given: dict[str, Any]) -> Event:
    kind, value = given.get("group_type"), given.get("group_value")
    if not kind or value in (None, ""):
        field_name = "group_value" if kind else "group_type"
        raise Refused(400, {"error": "Request missing required field", "missing_field": field_name})
    return {
        "event_type": "$groupidentify",
        "groups": {str(kind): value},
        "group_properties": given.get("group_properties"),
        "insert_id": given.get("insert_id"),
        "time": given.get("time"),
    }
