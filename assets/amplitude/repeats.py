"""Repeats across hours: which rows of the lake are the same event again, whatever order the hours landed in.

Level 1: rows with one ``uuid``. Level 2: rows with one (app, device_id, insert_id), neither null. In both, rows are
walked by server_upload_time (then upload hour, or uuid): the first survives, rows within the window after it repeat
it, the first row after the window survives anew. At level 2 that is a late resend when the key was last seen within
the look-back. Rows further apart than the look-back never influence each other.

So verdicts need only rows near in time. New files are searched for keys that occur twice, in them or in files whose
server_upload_time is within the look-back; every row of such a key is kept in the ledger, and when one more appears,
or one is replaced, the verdicts of its whole group are made again from the rows kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from assets.amplitude.convert import Converter, hour_of, parquet
from assets.amplitude.ledger import Ledger
from assets.amplitude.ledger_tables import Segment

_US = timedelta(microseconds=1)
# Level 2: Amplitude's own rule.
WINDOW = timedelta(days=7) // _US
# Level 1, and how far back a resend is still called a late one. A row exported twice has one server_upload_time,
# so this is wide already; without a bound, every landing would have to read all history.
LOOK_BACK = timedelta(days=28) // _US
# New rows that one search holds in memory.
_SEARCH_ROWS = 1_500_000


@dataclass
class Row:
    """A row of the lake that shares a key with another. ``sent``: server_upload_time (µs); ``level``: 0 stays,
    1 and 2 repeat another row at that level."""

    uuid: str
    hour: int
    insert_key: str | None
    sent: int
    event_hour: int
    level: int = 0
    is_late: int = 0


def settle(ledger: Ledger, converter: Converter) -> None:
    """Make the verdicts that landings left open: one change of the ledger, or none when nothing is open."""
    fresh = ledger.segments("NOT settled")
    groups = ledger.con.execute("SELECT kind, value FROM unsettled").fetchall()
    if not fresh and not groups:
        return
    near = _near(ledger, fresh)
    found = list(_rows_with_repeats(ledger, converter, fresh, near)) if fresh else []
    with ledger.change() as sequence:
        ledger.con.executemany(
            "INSERT INTO repeats (uuid, hour, insert_key, sent, event_hour, level, is_late) VALUES (?,?,?,?,?,0,0) "
            "ON CONFLICT DO NOTHING",
            found,
        )
        uuids = {value for kind, value in groups if kind == "uuid"} | {row[0] for row in found}
        keys = {value for kind, value in groups if kind == "insert_key"} | {row[2] for row in found if row[2]}
        touched = _judge(ledger, uuids, keys)
        ledger.touch(touched, sequence)
        ledger.con.execute("UPDATE segments SET settled = 1 WHERE NOT settled")
        ledger.con.execute("DELETE FROM unsettled")


def forget_hours(ledger: Ledger, hours: Iterable[int]) -> None:
    """Take replaced hours out of their groups; the groups wait for new verdicts. Within a change only."""
    for hour in hours:
        ledger.con.execute(
            "INSERT OR IGNORE INTO unsettled SELECT 'uuid', uuid FROM repeats WHERE hour = ? "
            "UNION SELECT 'insert_key', insert_key FROM repeats WHERE hour = ? AND insert_key IS NOT NULL",
            [hour, hour],
        )
        ledger.con.execute("DELETE FROM repeats WHERE hour = ?", [hour])


def forget_rows(ledger: Ledger, rows: Iterable[tuple[str, int]]) -> None:
    """Take single rows (uuid, upload hour) out of their groups; the groups wait for new verdicts. Within a change."""
    for row in rows:
        ledger.con.execute(
            "INSERT OR IGNORE INTO unsettled SELECT 'uuid', uuid FROM repeats WHERE uuid = ? AND hour = ? "
            "UNION SELECT 'insert_key', insert_key FROM repeats WHERE uuid = ? AND hour = ? AND insert_key IS NOT NULL",
            [*row, *row],
        )
        ledger.con.execute("DELETE FROM repeats WHERE uuid = ? AND hour = ?", row)


def _near(ledger: Ledger, fresh: list[Segment]) -> list[Segment]:
    """Settled files within the look-back of any new one."""
    spans = _merged([(s.first_sent - LOOK_BACK, s.last_sent + LOOK_BACK) for s in fresh])
    near: dict[str, Segment] = {}
    for first, last in spans:
        found = ledger.segments("settled AND first_sent <= ? AND last_sent >= ?", last, first)
        near |= {segment.file: segment for segment in found}
    return list(near.values())


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _rows_with_repeats(
    ledger: Ledger, converter: Converter, fresh: list[Segment], near: list[Segment]
) -> Iterator[tuple[str, int, str | None, int, int]]:
    """Rows of new and near files that share a uuid or an insert hash with another, one of them new."""
    con = converter.con
    con.execute("CREATE OR REPLACE TEMP TABLE shared_uuid (value UUID)")
    con.execute("CREATE OR REPLACE TEMP TABLE shared_hash (value UBIGINT)")
    new = parquet([ledger.lake / s.file for s in fresh])
    old = parquet([ledger.lake / s.file for s in near]) if near else None
    parts = -(-sum(s.rows for s in fresh) // _SEARCH_ROWS)
    for part in range(parts):
        _search(converter, "shared_uuid", "uuid", f"hash(uuid) % {parts} = {part}", new, old)
        _search(converter, "shared_hash", "insert_hash", f"insert_hash % {parts} = {part}", new, old)
    is_shared = "(uuid IN (SELECT value FROM shared_uuid) OR insert_hash IN (SELECT value FROM shared_hash))"
    every = parquet([ledger.lake / s.file for s in [*fresh, *near]], "filename")
    # Two narrow columns tell the files; only those are read with the wide ones that make the exact key.
    found = con.execute(f"SELECT DISTINCT filename FROM {every} WHERE {is_shared}").fetchall()
    if not found:
        return
    rows = con.execute(
        f"""
        SELECT uuid::VARCHAR, {hour_of("upload_hour")},
            CASE WHEN insert_hash IS NOT NULL
                THEN md5(coalesce(app::VARCHAR, '') || chr(31) || device_id || chr(31) || insert_id) END,
            epoch_us(server_upload_time), {hour_of("occurred_at")}
        FROM {parquet([Path(name) for (name,) in sorted(found)])} WHERE {is_shared}"""
    )
    while block := rows.fetchmany(10_000):
        yield from block


def _search(converter: Converter, table: str, column: str, condition: str, new: str, old: str | None) -> None:
    """Put the values that occur twice in the new rows, or in a new and an old row, into a table."""
    con = converter.con
    if not old:
        con.execute(
            f"""INSERT INTO {table} SELECT {column} FROM {new}
            WHERE {column} IS NOT NULL AND {condition} GROUP BY {column} HAVING count(*) > 1"""
        )
        return
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh_values AS
        SELECT {column} AS value, count(*) AS times FROM {new}
        WHERE {column} IS NOT NULL AND {condition} GROUP BY value"""
    )
    con.execute(f"INSERT INTO {table} SELECT value FROM fresh_values WHERE times > 1")
    con.execute(
        f"""INSERT INTO {table} SELECT DISTINCT {column} FROM {old}
        WHERE {column} IN (SELECT value FROM fresh_values)"""
    )
    con.execute("DROP TABLE fresh_values")


def _judge(ledger: Ledger, uuids: set[str], keys: set[str]) -> set[int]:
    """Make and store the verdicts of these groups; returns the hours of occurred_at whose rows changed sides."""
    touched: set[int] = set()
    by_uuid = _groups(ledger, "uuid", uuids)
    for group in by_uuid.values():
        group.sort(key=lambda row: (row.sent, row.hour))
        for row, is_repeat, _ in walk(group, LOOK_BACK):
            level = 1 if is_repeat else (0 if row.level == 1 else row.level)
            if level != row.level:
                if row.insert_key:
                    keys.add(row.insert_key)
                _store(ledger, row, level, row.is_late if level != 1 else 0, touched)
    for group in _groups(ledger, "insert_key", keys).values():
        standing = sorted((row for row in group if row.level != 1), key=lambda row: (row.sent, row.uuid, row.hour))
        for row, is_repeat, is_late in walk(standing, WINDOW):
            _store(ledger, row, 2 if is_repeat else 0, int(is_late), touched)
    return touched


def walk(rows: list[Row], window: int) -> Iterator[tuple[Row, bool, bool]]:
    """Rows in order with (repeats the survivor before it, is a survivor whose key was seen within the look-back)."""
    survivor: int | None = None
    previous: int | None = None
    for row in rows:
        is_repeat = survivor is not None and row.sent - survivor <= window
        is_late = not is_repeat and previous is not None and row.sent - previous <= LOOK_BACK
        if not is_repeat:
            survivor = row.sent
        previous = row.sent
        yield row, is_repeat, is_late


def _groups(ledger: Ledger, column: str, values: set[str]) -> dict[str, list[Row]]:
    ledger.con.execute("CREATE TEMP TABLE IF NOT EXISTS asked (value TEXT PRIMARY KEY)")
    ledger.con.execute("DELETE FROM asked")
    ledger.con.executemany("INSERT INTO asked VALUES (?)", [[value] for value in values])
    groups: dict[str, list[Row]] = defaultdict(list)
    for value, *fields in ledger.con.execute(
        f"""SELECT asked.value, uuid, hour, insert_key, sent, event_hour, level, is_late
        FROM asked JOIN repeats ON repeats.{column} = asked.value"""
    ):
        groups[value].append(Row(*fields))
    return groups


def _store(ledger: Ledger, row: Row, level: int, is_late: int, touched: set[int]) -> None:
    if (row.level > 0) != (level > 0):
        touched.add(row.event_hour)
    if (row.level, row.is_late) != (level, is_late):
        ledger.con.execute(
            "UPDATE repeats SET level = ?, is_late = ? WHERE uuid = ? AND hour = ?",
            [level, is_late, row.uuid, row.hour],
        )
