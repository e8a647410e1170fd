"""The server's state: finished hour files on disk, everything else in one SQLite file beside them.

An accepted request is one transaction: its events, their dedup keys and the identities they made are there together
or not at all. Events wait in the database until their hour is exported; then they become a part of that hour, a file
whose bytes never change again. So an hour without new events exports the same bytes for ever, and an hour with late
events gains a part. What a killed process leaves is complete; surviving a power cut is not promised here.
"""

from __future__ import annotations

import gzip
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assets.errors import InputError

EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)
_TABLES = """
CREATE TABLE IF NOT EXISTS parts (
    hour INTEGER, part INTEGER, file TEXT NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (hour, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    hour INTEGER, uuid TEXT, line TEXT NOT NULL, PRIMARY KEY (hour, uuid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    device_id TEXT, insert_id TEXT, first_us INTEGER NOT NULL, occurrences INTEGER NOT NULL,
    PRIMARY KEY (device_id, insert_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, amplitude_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    device_id TEXT PRIMARY KEY, amplitude_id INTEGER NOT NULL, is_anonymous INTEGER NOT NULL, last_user_id TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profiles (amplitude_id INTEGER PRIMARY KEY, properties TEXT NOT NULL, groups TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS group_profiles (
    type TEXT, value TEXT, properties TEXT NOT NULL, PRIMARY KEY (type, value)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS annotations (
    id INTEGER PRIMARY KEY, label TEXT NOT NULL, "start" TEXT NOT NULL, "end" TEXT, category TEXT, details TEXT
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


def hour_number(moment: datetime) -> int:
    """Whole hours since 1970 of a UTC moment."""
    return (moment - EPOCH) // _HOUR


def hour_start(number: int) -> datetime:
    """The UTC moment at which an hour begins."""
    return EPOCH + number * _HOUR


@dataclass(frozen=True)
class Part:
    """One finished hour file."""

    hour: int
    part: int
    path: Path
    events: int
    bytes: int
    crc: int


class Store:
    """One folder. Only one process can have it open; within that, methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.RLock()
        (folder / "hours").mkdir(parents=True, exist_ok=True)
        self.con = sqlite3.connect(folder / "state.sqlite", timeout=1, check_same_thread=False, isolation_level=None)
        try:
            # Held until close: a second server on the same folder would hand out the same part numbers.
            self.con.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.con.execute("PRAGMA journal_mode = WAL")
            self.con.execute("PRAGMA synchronous = NORMAL")
            self.con.executescript(_TABLES)
        except sqlite3.OperationalError as error:
            self.con.close()
            raise InputError(
                f"the store cannot be opened ({error})", where=str(folder), mend="end the other server that uses it"
            ) from error
        self._sweep()

    def close(self) -> None:
        with self._lock:
            self.con.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; no other thread comes between."""
        with self._lock:
            self.con.execute("BEGIN IMMEDIATE")
            try:
                yield self.con
            except BaseException:
                self.con.execute("ROLLBACK")
                raise
            self.con.execute("COMMIT")

    def add_pending(self, con: sqlite3.Connection, events: Iterable[tuple[int, str, str]]) -> None:
        """(upload hour, uuid, line) of accepted events; inside the transaction of their request."""
        con.executemany("INSERT INTO pending VALUES (?, ?, ?)", events)

    def add_part(self, hour: int, part: int, gzipped: bytes, events: int) -> None:
        """A ready hour file. The same part of an hour again replaces the former one."""
        with self.transaction() as con:
            self._write_part(con, hour, part, gzipped, events)

    def parts(self, first: int, last: int) -> list[Part]:
        """Finished files of the hours first … last; events that still wait become files now."""
        with self._lock:
            waiting = self.con.execute("SELECT DISTINCT hour FROM pending WHERE hour BETWEEN ? AND ?", [first, last])
            for (hour,) in waiting.fetchall():
                self._file(hour)
            rows = self.con.execute(
                "SELECT hour, part, file, events, bytes, crc FROM parts WHERE hour BETWEEN ? AND ? ORDER BY hour, part",
                [first, last],
            ).fetchall()
        return [Part(hour, part, self.folder / file, events, size, crc) for hour, part, file, events, size, crc in rows]

    def hours(self) -> dict[int, int]:
        """Events by upload hour."""
        with self._lock:
            rows = self.con.execute(
                """SELECT hour, sum(n) FROM (
                       SELECT hour, events AS n FROM parts UNION ALL SELECT hour, count(*) FROM pending GROUP BY hour
                   ) GROUP BY hour ORDER BY hour"""
            ).fetchall()
        return dict(rows)

    def next_number(self, con: sqlite3.Connection, name: str) -> int:
        """1, 2, 3 … by name; inside a transaction."""
        (value,) = con.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            [name],
        ).fetchone()
        return int(value)

    def _file(self, hour: int) -> None:
        """Turn the waiting events of an hour into its next part."""
        with self.transaction() as con:
            lines = con.execute("SELECT line FROM pending WHERE hour = ? ORDER BY uuid", [hour]).fetchall()
            (highest,) = con.execute("SELECT max(part) FROM parts WHERE hour = ?", [hour]).fetchone()
            part = hour % 3 if highest is None else highest + 1  # parts need not start at 1
            content = "".join(line + "\n" for (line,) in lines).encode()
            self._write_part(con, hour, part, gzip.compress(content, 6, mtime=0), len(lines))
            con.execute("DELETE FROM pending WHERE hour = ?", [hour])

    def _write_part(self, con: sqlite3.Connection, hour: int, part: int, gzipped: bytes, events: int) -> None:
        crc, start = zlib.crc32(gzipped), hour_start(hour)
        # Named by content: an export that is just being sent keeps the file it began with.
        file = f"hours/{start:%Y-%m-%d}/{start.hour}#{part}-{crc:08x}.json.gz"
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(gzipped)
        temporary.replace(path)
        con.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", [hour, part, file, events, len(gzipped), crc]
        )

    def _sweep(self) -> None:
        """Files of no part: replaced ones, and what a killed process had not recorded."""
        known = {file for (file,) in self.con.execute("SELECT file FROM parts")}
        for path in (self.folder / "hours").rglob("*.*"):
            if path.is_file() and str(path.relative_to(self.folder)) not in known:
                path.unlink()
