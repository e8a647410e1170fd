"""Whose an event is, recomputed the slow way: one event at a time over all events, without dates or tables between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]


def users_of(events: Iterable[Row], merges: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Event uuid → (user key, what it was resolved by); ``merges`` are closed: amplitude_id → survivor."""
    events = list(events)
    survivors = {row["amplitude_id"]: row["survivor"] for row in merges}
    owners: dict[int, set[str]] = defaultdict(set)
    devices: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for event in events:
        if event.get("user_id"):
            amplitude_id = event.get("amplitude_id")
            if amplitude_id is not None:
                owners[survivors.get(amplitude_id, amplitude_id)].add(event["user_id"])
            if event.get("device_id"):
                devices[event["device_id"]].append((event["occurred_at"], event["user_id"]))
    return {event["uuid"]: _user(event, survivors, owners, devices) for event in events}


def _user(
    event: Row,
    survivors: Mapping[int, int],
    owners: Mapping[int, set[str]],
    devices: Mapping[str, list[tuple[datetime, str]]],
) -> tuple[str, str]:
    if event.get("user_id"):
        return event["user_id"], "user_id"
    own = event.get("amplitude_id")
    merged = None if own is None else survivors.get(own, own)
    if merged is not None and len(owners.get(merged, ())) == 1:
        (user,) = owners[merged]
        return user, "amplitude_id" if merged == own else "merge"
    known = devices.get(event.get("device_id") or "", [])
    before = [entry for entry in known if entry[0] <= event["occurred_at"]]
    if known:
        return (max(before) if before else min(known))[1], "device"
    if merged is not None:
        return f"amplitude:{merged}", "anonymous"
    return f"device:{event.get('device_id') or 'unknown'}", "anonymous"
