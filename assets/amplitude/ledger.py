"""The ledger: a SQLite file that says what was landed, hour by hour, and which lake file holds it.

Every change of the lake is one transaction here: files are written before it and removed after it, so a crash at any
point leaves either the former state or the new one, and at worst files that no row names (removed by the next run).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from assets.amplitude.archive import ArchiveFile, Member, hour_start, local_midnight_hour
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home

FORMAT = 1
FINAL_STATES = frozenset({"loaded", "empty", "accepted"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
-- what the export folder holds now; hours are counted since 1970 (UTC)
CREATE TABLE IF NOT EXISTS archives (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    archive TEXT, path TEXT, name TEXT, crc INTEGER, size INTEGER, hour INTEGER, problem TEXT,
    method INTEGER, "offset" INTEGER, packed INTEGER);
CREATE INDEX IF NOT EXISTS members_hour ON members (hour);
CREATE INDEX IF NOT EXISTS members_archive ON members (archive);
-- what was landed: the hours, the contents they were landed from, the files they lie in
CREATE TABLE IF NOT EXISTS hours (
    hour INTEGER PRIMARY KEY, state TEXT, parts INTEGER, records INTEGER, lake_rows INTEGER, same_uuid INTEGER,
    quarantined INTEGER, erased INTEGER, bytes INTEGER, sha256 TEXT, attempts INTEGER, loaded_at TEXT);
CREATE TABLE IF NOT EXISTS contents (
    hour INTEGER, name TEXT, crc INTEGER, size INTEGER, refused INTEGER,
    PRIMARY KEY (hour, name, crc, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
    segment INTEGER PRIMARY KEY, file TEXT UNIQUE, rows INTEGER, bytes INTEGER,
    first_sent INTEGER, last_sent INTEGER, promotion TEXT, settled INTEGER);
CREATE TABLE IF NOT EXISTS segment_hours (
    segment INTEGER, hour INTEGER, PRIMARY KEY (segment, hour)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segment_hours_hour ON segment_hours (hour);
CREATE TABLE IF NOT EXISTS event_hours (
    segment INTEGER, hour INTEGER, PRIMARY KEY (segment, hour)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_hours_hour ON event_hours (hour);
CREATE TABLE IF NOT EXISTS quarantine_files (
    file TEXT, hour INTEGER, PRIMARY KEY (file, hour)) WITHOUT ROWID;
-- rows that share a uuid or an insert id with another row near in time, and the verdict on each
CREATE TABLE IF NOT EXISTS repeats (
    uuid TEXT, hour INTEGER, insert_key TEXT, sent INTEGER, event_hour INTEGER, level INTEGER, is_late INTEGER,
    PRIMARY KEY (uuid, hour)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS repeats_key ON repeats (insert_key);
CREATE INDEX IF NOT EXISTS repeats_hour ON repeats (hour);
-- groups that lost a row to a re-landing and wait for their verdicts
CREATE TABLE IF NOT EXISTS unsettled (kind TEXT, value TEXT, PRIMARY KEY (kind, value)) WITHOUT ROWID;
-- per UTC hour of occurred_at, the newest change that touched it
CREATE TABLE IF NOT EXISTS touched (hour INTEGER PRIMARY KEY, sequence INTEGER);
"""


@dataclass(frozen=True)
class HourState:
    """One upload hour (UTC) as the ledger counts it: records = staged + duplicates + quarantined + erased.

    ``records`` are the lines read from the hour's distinct files (a file delivered twice is read once); a file that
    cannot be read at all counts as one record, quarantined. ``late_resends`` are among the staged.
    """

    upload_hour: datetime
    state: str
    parts: int = 0
    records: int = 0
    staged: int = 0
    duplicates: int = 0
    late_resends: int = 0
    quarantined: int = 0
    erased: int = 0
    bytes: int = 0
    sha256: str | None = None
    attempts: int = 0
    loaded_at: datetime | None = None


@dataclass(frozen=True)
class Segment:
    """One Parquet file of the lake: whole upload hours, or a part of one big hour, of one upload day.
    ``file`` is relative to the Amplitude lake; ``first_sent`` and ``last_sent`` bound server_upload_time (µs)."""

    file: str
    rows: int
    bytes: int
    first_sent: int
    last_sent: int
    promotion: str
    settled: bool
    hours: frozenset[int]
    event_hours: frozenset[int]
    number: int = -1


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
        ledger = cls(home, con)
        found = ledger.meta("format") if ledger._has_tables() else None
        if found is None:
            con.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            con.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?), ('sequence', '0')", [str(FORMAT)])
        elif int(found) != FORMAT:
            con.close()
            raise InputError(
                f"the ledger has format {found}, this version reads format {FORMAT}",
                where=str(home.ledger),
                mend="use the version that wrote it, or land again into a fresh LENS_HOME",
            )
        return ledger

    @classmethod
    def open_read_only(cls, home: Home) -> Ledger:
        """Open an existing ledger for reading."""
        return cls(home, sqlite3.connect(f"{home.ledger.as_uri()}?mode=ro", uri=True, timeout=60))

    def close(self) -> None:
        self.con.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _has_tables(self) -> bool:
        return bool(self.con.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone())

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

    # ---- the catalogue of what the folder holds

    def archives(self) -> dict[str, ArchiveFile]:
        rows = self.con.execute("SELECT path, size, mtime_ns FROM archives").fetchall()
        return {path: ArchiveFile(Path(path), size, mtime) for path, size, mtime in rows}

    def catalogue(self, gone: Iterable[str], files: list[ArchiveFile], members: list[Member]) -> None:
        """Replace what is known of some files, forget others; to be called within a transaction."""
        paths = [[path] for path in [*gone, *(str(file.path) for file in files)]]
        self.con.executemany("DELETE FROM archives WHERE path = ?", paths)
        self.con.executemany("DELETE FROM members WHERE archive = ?", paths)
        self.con.executemany(
            "INSERT INTO archives VALUES (?, ?, ?)", [(str(f.path), f.size, f.mtime_ns) for f in files]
        )
        self.con.executemany(
            "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(m.archive, m.path, m.name, m.crc, m.size, m.hour, m.problem, m.method, m.offset, m.packed)
             for m in members],
        )  # fmt: skip

    def members(self, hours: Iterable[int] | None = None) -> list[Member]:
        """Known members of some upload hours; of None: those whose name tells no hour."""
        fields = 'archive, path, name, crc, size, hour, problem, method, "offset", packed'
        if hours is None:
            return [Member(*row) for row in self.con.execute(f"SELECT {fields} FROM members WHERE hour IS NULL")]
        wanted = [[hour] for hour in hours]
        self.con.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (hour INTEGER PRIMARY KEY)")
        self.con.execute("DELETE FROM wanted")
        self.con.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", wanted)
        rows = self.con.execute(f"SELECT {fields} FROM members JOIN wanted USING (hour) ORDER BY hour, name, crc, size")
        return [Member(*row) for row in rows]

    def new_hours(self) -> list[int]:
        """Upload hours with a content that they were not landed from."""
        rows = self.con.execute(
            """
            SELECT DISTINCT hour FROM (
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
            Segment(*row[1:7], bool(row[7]), self._hours_of("segment_hours", row[0]),
                    self._hours_of("event_hours", row[0]), row[0])
            for row in rows
        ]  # fmt: skip

    def _hours_of(self, table: str, segment: int) -> frozenset[int]:
        return frozenset(h for (h,) in self.con.execute(f"SELECT hour FROM {table} WHERE segment = ?", [segment]))

    def add_segment(self, segment: Segment) -> None:
        number = self.con.execute(
            "INSERT INTO segments (file, rows, bytes, first_sent, last_sent, promotion, settled) VALUES (?,?,?,?,?,?,?)",
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

    def hours(self, until: date | None = None) -> list[HourState]:
        """Every upload hour from the first to the last known one (not past local midnight after ``until``).

        An hour that is not landed is ``empty`` when the folder holds no file for it, else ``not_ready``.
        """
        first, last = self.first_known_hour(), self.last_known_hour()
        if first is None or last is None:
            return []
        if until is not None:
            last = min(last, local_midnight_hour(until, self.meta("time_zone") or "UTC") - 1)
        landed = {state.upload_hour: state for state in self._landed_hours()}
        waiting = {hour for (hour,) in self.con.execute("SELECT DISTINCT hour FROM members WHERE hour IS NOT NULL")}
        return [
            landed.get(hour_start(n)) or HourState(hour_start(n), "not_ready" if n in waiting else "empty")
            for n in range(first, last + 1)
        ]

    def _landed_hours(self) -> Iterator[HourState]:
        rows = self.con.execute(
            """
            WITH verdicts AS (
                SELECT hour, sum(level > 0) AS left_out, sum(is_late) AS late FROM repeats GROUP BY hour)
            SELECT hour, state, parts, records, lake_rows - coalesce(left_out, 0), same_uuid + coalesce(left_out, 0),
                coalesce(late, 0), quarantined, erased, bytes, sha256, attempts, loaded_at
            FROM hours LEFT JOIN verdicts USING (hour)"""
        )
        for hour, *rest, loaded_at in rows:
            yield HourState(hour_start(hour), *rest, datetime.fromisoformat(loaded_at))


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
