"""Who an event belongs to: amplitude ids, the merge when an anonymous device says who its user is, and properties.

A user and a device each have one amplitude id, made from their name, so a store that is rebuilt gives the same ids.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """The amplitude id a row gets; ``merged_into``: the survivor, on the one row that tells of a merge."""

    amplitude_id: int
    merged_into: int | None = None


def resolve(con: sqlite3.Connection, project: int, user_id: str | None, device_id: str) -> Identity:
    """The identity of one event, and what is learnt from it.

    An anonymous device that names its user for the first time: that row still carries the device's amplitude id and
    names the user's as the one it was merged into; every later row carries the user's.
    """
    device = con.execute(
        "SELECT amplitude_id, is_anonymous, last_user_id FROM devices WHERE device_id = ?", [device_id]
    ).fetchone()
    own = device[0] if device else made_id(project, "device", device_id)
    if user_id is None:
        if device is None:
            con.execute("INSERT INTO devices VALUES (?, ?, 1, NULL)", [device_id, own])
        # After a login, what a device does belongs to its last user.
        last = device[2] if device else None
        return Identity(own if last is None else _user(con, project, last))
    ours = _user(con, project, user_id)
    merges = device is not None and bool(device[1]) and device[2] is None and own != ours
    if device is None or device[2] != user_id:
        con.execute(
            """INSERT INTO devices VALUES (?, ?, 0, ?)
               ON CONFLICT (device_id) DO UPDATE SET last_user_id = excluded.last_user_id""",
            [device_id, own, user_id],
        )
    if merges:
        _join_profiles(con, own, ours)
        return Identity(own, ours)
    return Identity(ours)


def know(con: sqlite3.Connection, users: Mapping[str, int], devices: Mapping[str, int]) -> None:
    """Amplitude ids that a seeded history already uses: of known users, and of devices that were anonymous."""
    con.executemany("INSERT OR REPLACE INTO users VALUES (?, ?)", users.items())
    con.executemany(
        "INSERT OR REPLACE INTO devices VALUES (?, ?, 1, NULL)",
        devices.items(),
    )


def made_id(project: int, kind: str, name: str) -> int:
    """An amplitude id beyond 32 bits, below 2^53 so that any JSON reader keeps it whole."""
    digest = hashlib.blake2b(f"{project}:{kind}:{name}".encode(), digest_size=8).digest()
    return (1 << 40) + int.from_bytes(digest, "big") % (1 << 52)


def user_state(con: sqlite3.Connection, amplitude_id: int) -> tuple[Properties, dict[str, list[str]]]:
    """A user's properties and groups as they stand."""
    row = con.execute("SELECT properties, groups FROM profiles WHERE amplitude_id = ?", [amplitude_id]).fetchone()
    return (json.loads(row[0]), json.loads(row[1])) if row else ({}, {})


def keep_user_state(
    con: sqlite3.Connection, amplitude_id: int, properties: Properties, groups: Mapping[str, list[str]]
) -> None:
    """Store them."""
    con.execute(
        "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?)", [amplitude_id, json.dumps(properties), json.dumps(groups)]
    )


def group_properties(con: sqlite3.Connection, groups: Mapping[str, list[str]]) -> dict[str, dict[str, Properties]]:
    """{group type: {value: properties}} for the groups an event names, those without properties left out."""
    found: dict[str, dict[str, Properties]] = {}
    for kind, values in groups.items():
        for value in values:
            row = con.execute(
                "SELECT properties FROM group_profiles WHERE type = ? AND value = ?", [kind, value]
            ).fetchone()
            if row:
                found.setdefault(kind, {})[value] = json.loads(row[0])
    return found


def change_group(con: sqlite3.Connection, kind: str, value: str, operations: Properties) -> None:
    """Apply a group identify."""
    row = con.execute("SELECT properties FROM group_profiles WHERE type = ? AND value = ?", [kind, value]).fetchone()
    changed = changed_properties(json.loads(row[0]) if row else {}, operations)
    con.execute("INSERT OR REPLACE INTO group_profiles VALUES (?, ?, ?)", [kind, value, json.dumps(changed)])


def changed_properties(before: Properties, operations: Properties) -> Properties:
    """Properties after ``$set``, ``$setOnce``, ``$add``, … ; plain keys are set."""
    after = dict(before)
    if "$clearAll" in operations:
        after = {}
    for key, value in operations.items():
        if key == "$clearAll":
            continue
        if key not in _OPERATIONS:
            after[key] = value
            continue
        for name, operand in (value if isinstance(value, dict) else {}).items():
            _apply(after, key, name, operand)
    return after


_OPERATIONS = frozenset(
    {"$set", "$setOnce", "$add", "$append", "$prepend", "$unset", "$preInsert", "$postInsert", "$remove"}
)


def _apply(properties: Properties, operation: str, name: str, operand: Any) -> None:
    if operation == "$unset":
        properties.pop(name, None)
    elif operation == "$set" or (operation == "$setOnce" and name not in properties):
        properties[name] = operand
    elif operation == "$add":
        base = properties.get(name, 0)
        numbers = isinstance(base, (int, float)) and isinstance(operand, (int, float))
        properties[name] = base + operand if numbers else operand
    elif operation != "$setOnce":
        old, new = _listed(properties.get(name)), _listed(operand)
        if operation == "$remove":
            properties[name] = [item for item in old if item not in new]
        else:
            new = [item for item in new if item not in old] if operation.endswith("Insert") else new
            properties[name] = new + old if operation in ("$prepend", "$preInsert") else old + new


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _user(con: sqlite3.Connection, project: int, user_id: str) -> int:
    row = con.execute("SELECT amplitude_id FROM users WHERE user_id = ?", [user_id]).fetchone()
    if row:
        return int(row[0])
    made = made_id(project, "user", user_id)
    con.execute("INSERT INTO users VALUES (?, ?)", [user_id, made])
    return made


def _join_profiles(con: sqlite3.Connection, away: int, survivor: int) -> None:
    """What was known of the anonymous device is known of its user, who keeps the last word."""
    properties, groups = user_state(con, away)
    if properties or groups:
        kept, kept_groups = user_state(con, survivor)
        keep_user_state(con, survivor, properties | kept, groups | kept_groups)
