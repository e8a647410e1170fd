"""The ledger: a SQLite file that says what was landed, hour by hour, and which lake file holds it.

Every change of the lake is one transaction here: files are written before it and removed after it, so a crash at any
point leaves either the former state or the new one, and at worst files that no row names (removed by the next run).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from assets.amplitude.archive import ArchiveFile, Member, hour_start, local_midnight_hour
from assets.amplitude.hour_states import hour_states
from assets.amplitude.ledger_tables import FORMAT, SCHEMA, HourState, Segment
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home

FINAL_STATES = frozenset({"loaded", "empty", "accepted"})
MEMBER_FIELDS = 'archive, path, name, crc, size, hour, problem, method, "offset", packed'


class Ledger:
    """An open ledger. Writers use ``change()``, one transaction that advances the landing sequence."""

    def __init__(self, home: Home, con: sqlite3.Connection) -> None:
        self.lake, self.con = home.amplitude_lake, con

    @classmethod
    def open(cls, home: Home) -> Ledger:
        """Open for writing; makes the file and its tables. Raises InputError for a ledger of a newer version."""
        home.ledger.parent.mkdir(parents=True, exist_ok=True)
        con = sqlite3.connect(home.ledger, isolation_level=None, timeout=60)
        con.execute("PRAGMA synchronous = FULL")
        con.execute("PRAGMA secure_delete = ON")  # what is erased leaves no trace in free pages
        ledger = cls(home, con)
        found = ledger.meta("format") if ledger._has_table("meta") else None
        if found is None or int(found) < FORMAT:  # every format so far only adds tables to the former
            con.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            con.execute("INSERT OR IGNORE INTO meta VALUES ('sequence', '0')")
            ledger.set_meta("format", str(FORMAT))
        elif int(found) > FORMAT:
            con.close()
            raise InputError(
                f"the ledger has format {found}, this version reads format {FORMAT}",
                where=str(home.ledger),
                mend="use the version that wrote it, or land again into a fresh LENS_HOME",
            )
        return ledger

    @classmethod
    def open_read_only(cls, home: Home) -> Ledger:
        """Open an existing ledger for reading; one of a former version is brought up to date first, and what a writer
        that was killed left half-way is undone."""
        ledger = cls(home, sqlite3.connect(f"{home.ledger.as_uri()}?mode=ro", uri=True, timeout=60))
        try:
            if ledger._has_table("meta") and int(ledger.meta("format") or FORMAT) >= FORMAT:
                return ledger
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:  # only a writer may roll back
                raise
        ledger.close()
        cls.open(home).close()
        return cls(home, sqlite3.connect(f"{home.ledger.as_uri()}?mode=ro", uri=True, timeout=60))

    def close(self) -> None:
        self.con.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _has_table(self, name: str) -> bool:
        return bool(self.con.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [name]).fetchone())

    def meta(self, name: str) -> str | None:
        row = self.con.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else None

    def set_meta(self, name: str, value: str) -> None:
        self.con.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", [name, value]
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.con.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")

    @contextmanager
    def change(self) -> Iterator[int]:
        """A transaction that changes the lake; gives the new sequence number."""
        with self.transaction():
            number = int(self.meta("sequence") or 0) + 1
            self.set_meta("sequence", str(number))
            yield number

    def touch(self, event_hours: Iterable[int], sequence: int) -> None:
        """Say that these hours of occurred_at changed."""
        self.con.executemany(
            "INSERT INTO touched VALUES (?, ?) ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
            [(hour, sequence) for hour in event_hours],
        )

    def await_hours(self, hours: set[int]) -> None:
        """Remember which upload hours wait for their marker in the bucket: they are not ready, not empty."""
        value = json.dumps(sorted(hours))
        if value != (self.meta("awaited_hours") or "[]"):
            self.set_meta("awaited_hours", value)

    # ---- the catalogue of what the folder holds

    def archives(self) -> dict[str, ArchiveFile]:
        rows = self.con.execute("SELECT path, size, mtime_ns FROM archives").fetchall()
        return {path: ArchiveFile(Path(path), size, mtime) for path, size, mtime in rows}

    def catalogue(self, gone: Iterable[str], files: list[ArchiveFile], members: list[Member]) -> None:
        """Replace what is known of some files, forget others; to be called within a transaction.

        A broken content that a new or changed file holds is to be tried again: a mended copy has the same checksum.
        """
        paths = [[path] for path in [*gone, *(str(file.path) for file in files)]]
        self.con.executemany("DELETE FROM archives WHERE path = ?", paths)
        self.con.executemany("DELETE FROM members WHERE archive = ?", paths)
        self.con.executemany("DELETE FROM merge_members WHERE archive = ?", paths)
        self.con.executemany(
            "INSERT INTO archives VALUES (?, ?, ?)", [(str(f.path), f.size, f.mtime_ns) for f in files]
        )
        for table, tells_merges in (("members", False), ("merge_members", True)):
            self.con.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(m.archive, m.path, m.name, m.crc, m.size, m.hour, m.problem, m.method, m.offset, m.packed)
                 for m in members if m.tells_merges is tells_merges],
            )  # fmt: skip
        self.con.executemany(
            "DELETE FROM contents WHERE broken AND hour = ? AND name = ? AND crc = ? AND size = ?",
            [(m.hour, *m.content) for m in members],
        )

    def members(self, hours: Iterable[int] | None = None) -> list[Member]:
        """Known members of some upload hours; of None: those whose name tells no hour."""
        if hours is None:
            return [Member(*row) for row in self.con.execute(f"SELECT {MEMBER_FIELDS} FROM members WHERE hour IS NULL")]
        wanted = [[hour] for hour in hours]
        self.con.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (hour INTEGER PRIMARY KEY)")
        self.con.execute("DELETE FROM wanted")
        self.con.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", wanted)
        rows = self.con.execute(
            f"SELECT {MEMBER_FIELDS} FROM members JOIN wanted USING (hour) ORDER BY hour, name, crc, size"
        )
        return [Member(*row) for row in rows]

    def new_hours(self) -> list[int]:
        """Upload hours with a content that they were not landed from, and incomplete ones that lost a broken file."""
        rows = self.con.execute(
            """
            SELECT hour FROM contents JOIN hours USING (hour)
            WHERE broken AND state IN ('partial', 'failed') AND hour IN (SELECT hour FROM members)
                AND (hour, name, crc, size) NOT IN (SELECT hour, name, crc, size FROM members WHERE hour IS NOT NULL)
            UNION SELECT hour FROM (
                SELECT hour, name, crc, size, min(problem IS NOT NULL) AS refused FROM members
                WHERE hour IS NOT NULL GROUP BY ALL_KEYS
                EXCEPT SELECT hour, name, crc, size, refused FROM contents)
            ORDER BY hour""".replace("ALL_KEYS", "hour, name, crc, size")
        )
        return [hour for (hour,) in rows]

    def first_known_hour(self) -> int | None:
        return self._one("SELECT min(hour) FROM (SELECT hour FROM members UNION ALL SELECT hour FROM hours)")

    def last_known_hour(self) -> int | None:
        return self._one("SELECT max(hour) FROM (SELECT hour FROM members UNION ALL SELECT hour FROM hours)")

    def _one(self, sql: str, *values: object) -> int | None:
        row = self.con.execute(sql, values).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    # ---- segments

    def segments(self, where: str = "true", *values: object) -> list[Segment]:
        """Segments that meet a condition of this code, in file order."""
        rows = self.con.execute(
            f"""SELECT segment, file, rows, bytes, first_sent, last_sent, promotion, settled FROM segments
            WHERE {where} ORDER BY file""",
            values,
        ).fetchall()
        return [
            Segment(
                file, count, size, first, last, promotion, bool(settled),
                self._hours_of("segment_hours", number), self._hours_of("event_hours", number), number,
            )
            for number, file, count, size, first, last, promotion, settled in rows
        ]  # fmt: skip

    def _hours_of(self, table: str, segment: int) -> frozenset[int]:
        return frozenset(h for (h,) in self.con.execute(f"SELECT hour FROM {table} WHERE segment = ?", [segment]))

    def add_segment(self, segment: Segment) -> None:
        number = self.con.execute(
            """INSERT INTO segments (file, rows, bytes, first_sent, last_sent, promotion, settled)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            [segment.file, segment.rows, segment.bytes, segment.first_sent, segment.last_sent, segment.promotion,
             int(segment.settled)],
        ).lastrowid  # fmt: skip
        for table, hours in (("segment_hours", segment.hours), ("event_hours", segment.event_hours)):
            self.con.executemany(f"INSERT INTO {table} VALUES (?, ?)", [(number, hour) for hour in hours])

    def drop_segment(self, number: int) -> None:
        for table in ("segments", "segment_hours", "event_hours"):
            self.con.execute(f"DELETE FROM {table} WHERE segment = ?", [number])

    def files(self) -> set[str]:
        """Every lake file that the ledger names."""
        return {f for (f,) in self.con.execute("SELECT file FROM segments UNION SELECT file FROM quarantine_files")}

    # ---- hours

    def extracted(self) -> range:
        """The upload hours that the Export API is asked for: none when the events come from a folder."""
        start, safe = self.meta("start_hour"), self.meta("safe_hour")
        return range(int(start), int(safe) + 1) if start and safe else range(0)

    def hours(self, until: date | None = None) -> list[HourState]:
        """Every upload hour from the first to the last known one (not past local midnight after ``until``).

        For an extracted source the span is at least that from its start to the safe hour of the last extraction. An
        hour that waits for its marker in a bucket is ``not_ready``.
        """
        awaited = set(json.loads(self.meta("awaited_hours") or "[]"))
        extracted = self.extracted()
        first, last = self.first_known_hour(), self.last_known_hour()
        if extracted:
            first = min(extracted[0], extracted[0] if first is None else first)
            last = max(extracted[-1], extracted[-1] if last is None else last)
        if first is None or last is None:
            return []
        first, last = min({first} | awaited), max({last} | awaited)
        if until is not None:
            last = min(last, local_midnight_hour(until, self.meta("time_zone") or "UTC") - 1)
        return hour_states(self.con, range(first, last + 1), extracted, awaited)


def sequence(home: Home) -> int:
    """The landing sequence number: grows with every change of the lake; 0 before the first."""
    if not home.ledger.exists():
        return 0
    with Ledger.open_read_only(home) as ledger:
        return int(ledger.meta("sequence") or 0)


def pending_hours(home: Home, built_sequence: int) -> set[datetime]:
    """UTC hours of ``occurred_at`` that changed after that sequence number."""
    if not home.ledger.exists():
        return set()
    with Ledger.open_read_only(home) as ledger:
        rows = ledger.con.execute("SELECT hour FROM touched WHERE sequence > ?", [built_sequence])
        return {hour_start(hour) for (hour,) in rows}


def usage_watermark(home: Home, company: Company, until: date | None = None) -> date | None:
    """Last local date D such that every upload hour from the first through D's end is loaded, empty or accepted."""
    if not home.ledger.exists():
        return None
    with Ledger.open_read_only(home) as ledger:
        hours = ledger.hours(until)
    if not hours:
        return None
    good = next((i for i, hour in enumerate(hours) if hour.state not in FINAL_STATES), len(hours))
    end = hours[0].upload_hour + timedelta(hours=good)
    zone = ZoneInfo(company.time_zone)
    day = end.replace(tzinfo=UTC).astimezone(zone).date() - timedelta(days=1)
    first = hours[0].upload_hour.replace(tzinfo=UTC).astimezone(zone).date()
    return day if day >= first else None


def last_landed_day(home: Home) -> date | None:
    """Upload day (UTC) of the newest landed hour; None before the first."""
    if not home.ledger.exists():
        return None
    with Ledger.open_read_only(home) as ledger:
        row = ledger.con.execute("SELECT max(hour) FROM hours").fetchone()
    return hour_start(row[0]).date() if row and row[0] is not None else None
