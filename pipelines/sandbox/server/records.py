"""From an accepted event to the row of the export: all 55 keys, server times, ids, deduplication."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from assets.amplitude.schema import KEYS
from pipelines.sandbox.server import identity
from pipelines.sandbox.server.requests import Batch, Event
from pipelines.sandbox.server.store import EPOCH, Store, hour_number

# Amplitude's rule: the same insert id from the same device, within this time of the first, is the same event
DEDUP_US = timedelta(days=7) // timedelta(microseconds=1)
_REVENUE = {
    "price": "$price", "quantity": "$quantity", "revenue": "$revenue", "productId": "$productId",
    "revenueType": "$revenueType", "currency": "$currency",
}  # fmt: skip
_COPIED = (
    "adid", "city", "country", "dma", "event_type", "idfa", "language", "location_lat", "location_lng", "os_name",
    "os_version", "partner_id", "platform", "region", "user_id",
)  # fmt: skip


@dataclass(frozen=True)
class Arrival:
    """Of one request: when the server had it, over which endpoint, from which address."""

    at: datetime
    path: str
    address: str


@dataclass(frozen=True)
class Writer:
    """Takes checked events into the store."""

    store: Store
    project: int

    def take(self, batch: Batch, arrival: Arrival) -> None:
        """All events of a request, in their order, in one transaction; repeats within seven days are let go."""
        with self.store.transaction() as con:
            lines = []
            for event in batch.events:
                line = self._taken(con, event, batch, arrival)
                if line is not None:
                    lines.append(line)
            self.store.add_pending(con, lines)

    def _taken(
        self, con: sqlite3.Connection, event: Event, batch: Batch, arrival: Arrival
    ) -> tuple[int, str, str] | None:
        is_group = event["event_type"] == "$groupidentify"
        user_id = event.get("user_id") or None
        # Without a device, Amplitude makes one from the user
        device_id = event.get("device_id") or (_from_text("device", user_id) if user_id else None)
        occurrence = self._occurrence(con, device_id, event.get("insert_id") or None, arrival.at)
        if occurrence is None:
            return None
        row_id = _from_text("row", f"{self.project}:{occurrence}")
        row: dict[str, Any] = dict.fromkeys(KEYS)
        row |= {key: event.get(key) for key in _COPIED}
        row |= _device(event, device_id, arrival) | _times(event, batch.client_upload, arrival.at)
        row |= {
            "$insert_id": event.get("insert_id") or None,
            "app": self.project,
            "data": {"path": arrival.path, "group_first_event": {}},
            "data_type": "event",
            "event_id": _whole(event.get("event_id"), uuid.UUID(row_id).int % (1 << 31)),
            "event_properties": _event_properties(event),
            "global_user_properties": {},
            "plan": {},
            "session_id": _whole(event.get("session_id"), -1),
            "user_id": user_id,
            "uuid": row_id,
            "version_name": event.get("version_name") or event.get("app_version"),
        }
        row |= self._group_identity(con, event) if is_group else self._user_identity(con, event, row)
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        return hour_number(arrival.at), row_id, line

    def _occurrence(
        self, con: sqlite3.Connection, device_id: str | None, insert_id: str | None, at: datetime
    ) -> str | None:
        """A text that names this row and no other, the same whenever the same events arrive; None for a repeat."""
        if device_id is None or insert_id is None:
            return f"arrival {self.store.next_number(con, 'arrivals')}"
        now = (at - EPOCH) // timedelta(microseconds=1)
        before = con.execute(
            "SELECT first_us, occurrences FROM seen WHERE device_id = ? AND insert_id = ?", [device_id, insert_id]
        ).fetchone()
        if before and abs(now - before[0]) <= DEDUP_US:
            return None
        number = before[1] + 1 if before else 1
        con.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", [device_id, insert_id, now, number])
        return json.dumps([device_id, insert_id, number])

    def _user_identity(self, con: sqlite3.Connection, event: Event, row: dict[str, Any]) -> dict[str, Any]:
        who = identity.resolve(con, self.project, row["user_id"], row["device_id"])
        final = who.merged_into or who.amplitude_id
        properties, groups = identity.user_state(con, final)
        changes, given = event.get("user_properties") or {}, _groups(event.get("groups"))
        before = (properties, groups)
        properties = identity.changed_properties(properties, changes) if changes else properties
        if event["event_type"] == "$identify":  # groups of an identify stay with the user
            groups = groups | given
        if (properties, groups) != before:
            identity.keep_user_state(con, final, properties, groups)
        groups = groups | given
        return {
            "amplitude_id": who.amplitude_id,
            "user_properties": properties,
            "groups": groups,
            "group_properties": identity.group_properties(con, groups),
        } | ({"data": row["data"] | {"merged_amplitude_id": who.merged_into}} if who.merged_into else {})

    def _group_identity(self, con: sqlite3.Connection, event: Event) -> dict[str, Any]:
        """Rows of a group identify belong to nobody when they name no user."""
        groups = _groups(event.get("groups"))
        for kind, values in groups.items():
            for value in values:
                identity.change_group(con, kind, value, event.get("group_properties") or {})
        named = event.get("user_id") or event.get("device_id") or json.dumps(groups)
        return {
            "amplitude_id": identity.made_id(self.project, "group", str(named)),
            "user_properties": {},
            "groups": groups,
            "group_properties": identity.group_properties(con, groups),
        }


@lru_cache(maxsize=64)  # all events of a request arrive at one moment
def stamp(moment: datetime) -> str:
    """A time as exports write it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _times(event: Event, client_upload: datetime | None, received: datetime) -> dict[str, str]:
    """The event's time, corrected by how wrong the client's clock was when it sent."""
    uploaded = client_upload or received
    happened = EPOCH + timedelta(milliseconds=event["time"]) if event.get("time") else uploaded
    return {
        "client_event_time": stamp(happened),
        "client_upload_time": stamp(uploaded),
        "event_time": stamp(_moved(happened, received - uploaded)),
        "processed_time": stamp(received),
        "server_received_time": stamp(received),
        "server_upload_time": stamp(received),
    }


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Within what a timestamp can say."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _device(event: Event, device_id: str | None, arrival: Arrival) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "device_carrier": event.get("carrier"),
        "device_family": event.get("device_model"),
        "device_type": event.get("device_model"),
        "ip_address": arrival.address if event.get("ip") == "$remote" else event.get("ip"),
        "library": event.get("library") or "http/2.0",
    }


def _event_properties(event: Event) -> dict[str, Any]:
    revenue = {name: event[key] for key, name in _REVENUE.items() if event.get(key) is not None}
    return (event.get("event_properties") or {}) | revenue


def _groups(given: dict[str, Any] | None) -> dict[str, list[str]]:
    """``{"account": "a"}`` and ``{"account": ["a", "b"]}`` alike as lists of texts."""
    return {
        kind: [str(value) for value in (values if isinstance(values, list) else [values]) if value is not None]
        for kind, values in (given or {}).items()
    }


def _whole(value: Any, otherwise: int) -> int:
    return otherwise if value is None else int(value)


def _from_text(kind: str, text: str) -> str:
    return str(uuid.UUID(bytes=hashlib.blake2b(f"{kind}:{text}".encode(), digest_size=16).digest(), version=4))


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of a UTC moment."""
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


Clock = Callable[[], datetime]
