"""Chart annotations: dated notes that Amplitude shows on its charts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.sandbox.server.store import Store


def list_annotations(store: Store, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """All of them by start; ``category``, ``start`` and ``end`` of the query narrow the list."""
    with store.transaction() as con:
        rows = con.execute(
            'SELECT id, label, "start", "end", category, details FROM annotations ORDER BY "start", id'
        ).fetchall()
    first, last = (_moment(query[name], name) if query.get(name) else None for name in ("start", "end"))
    return [
        _shown(row)
        for row in rows
        if (not query.get("category") or row[4] == query["category"])
        and (first is None or row[2] >= first)
        and (last is None or row[2] <= last)
    ]


def add_annotation(store: Store, given: object) -> dict[str, Any]:
    """Keep one. Raises ValueError that says which field is wrong."""
    if not isinstance(given, dict):
        raise ValueError("the body is not an object")
    for name in ("label", "start", "end", "category", "details"):
        if not isinstance(given.get(name), (str, type(None))):
            raise ValueError(f"{name} is not text")
    for name in ("label", "start"):
        if not given.get(name):
            raise ValueError(f"{name} is missing")
    start = _moment(given["start"], "start")
    end = _moment(given["end"], "end") if given.get("end") else None
    if end is not None and end < start:
        raise ValueError("end is before start")
    with store.transaction() as con:
        row = (given["label"], start, end, given.get("category"), given.get("details"))
        number = con.execute(
            'INSERT INTO annotations (label, "start", "end", category, details) VALUES (?, ?, ?, ?, ?)', row
        ).lastrowid
    return _shown((number, *row))


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    number, label, start, end, category, details = row
    shown = {"id": number, "label": label, "start": start, "end": end, "details": details, "chart_id": None}
    if category is None:
        return shown | {"category": None}
    category_id = int.from_bytes(hashlib.blake2b(category.encode(), digest_size=4).digest(), "big")
    return shown | {"category": {"id": category_id, "category": category}}


def _moment(text: str, name: str) -> str:
    """ISO 8601 in UTC; what comes without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name} is not an ISO 8601 date or time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")
