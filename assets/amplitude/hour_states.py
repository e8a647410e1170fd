"""The state of every upload hour, read from an open ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from assets.amplitude.archive import hour_start
from assets.amplitude.ledger_tables import HourState

_NEVER = {"fetched": "not_ready", "empty": "empty", "failed": "failed"}


def hour_states(con: sqlite3.Connection, hours: range, extracted: range, awaited: set[int]) -> list[HourState]:
    """One state for each of these hours.

    An hour that is not landed is ``not_ready`` while a file of it waits, or is ``awaited`` (without its marker in a
    bucket). Otherwise it is ``empty``; but among the
    ``extracted`` hours (those the Export API is asked for) only when Amplitude has said so, else ``not_ready`` or, when
    the request failed, ``failed``. An accepted hour is ``accepted`` until a good copy of it is landed.
    """
    landed = {state.upload_hour: state for state in _landed(con)}
    waiting = {hour for (hour,) in con.execute("SELECT DISTINCT hour FROM members WHERE hour IS NOT NULL")} | awaited
    asked = {hour: row for hour, *row in con.execute("SELECT hour, answer, failures, problem FROM requested")}
    accepted = dict(con.execute("SELECT hour, why FROM accepted").fetchall())
    states = []
    for hour in hours:
        start = hour_start(hour)
        state = landed.get(start)
        if state is None:
            answer, failures, problem = asked.get(hour, (None, 0, None))
            name = "not_ready" if hour in waiting else "empty"
            if hour in extracted:
                name = "not_ready" if hour in waiting or answer is None else _NEVER[answer]
            state = HourState(start, name, attempts=failures, note=problem if name == "failed" else None)
        if hour in accepted and state.state not in {"loaded", "empty"}:
            state = replace(state, state="accepted", note=accepted[hour])
        states.append(state)
    return states


def _landed(con: sqlite3.Connection) -> Iterator[HourState]:
    rows = con.execute(
        """
        WITH verdicts AS (
            SELECT hour, sum(level > 0) AS left_out, sum(level = 2) AS resent, sum(is_late) AS late
            FROM repeats GROUP BY hour)
        SELECT hour, state, parts, records, lake_rows - coalesce(left_out, 0), same_uuid + coalesce(left_out, 0),
            coalesce(late, 0), quarantined, erased, bytes, sha256, attempts, loaded_at, coalesce(resent, 0)
        FROM hours LEFT JOIN verdicts USING (hour)"""
    )
    for row in rows:
        (hour, state, parts, records, staged, duplicates, late, quarantined, erased, size, sha256, attempts,
         loaded_at, resent) = row  # fmt: skip
        yield HourState(
            hour_start(hour), state, parts, records, staged, duplicates, late, quarantined, erased, size, sha256,
            attempts, datetime.fromisoformat(loaded_at), insert_id_duplicates=resent,
        )  # fmt: skip
