"""The ledger's tables, and what their rows mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# 2 added merge facts, what was asked of the Export API, accepted hours, samples of keys and tombstones.
FORMAT = 2
SCHEMA = """
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
    hour INTEGER, name TEXT, crc INTEGER, size INTEGER, refused INTEGER, broken INTEGER,
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
-- which Amplitude id was merged into which, as events of an upload hour tell ('events') or a merge file
CREATE TABLE IF NOT EXISTS merge_facts (
    hour INTEGER, source TEXT, amplitude_id INTEGER, survivor INTEGER, merged_at INTEGER,
    PRIMARY KEY (hour, source, amplitude_id, survivor)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS merge_facts_source ON merge_facts (source);
-- merge files: what the export folder holds now, what was landed from it, and the lines that tell no fact
CREATE TABLE IF NOT EXISTS merge_members (
    archive TEXT, path TEXT, name TEXT, crc INTEGER, size INTEGER, hour INTEGER, problem TEXT,
    method INTEGER, "offset" INTEGER, packed INTEGER);
CREATE TABLE IF NOT EXISTS merge_contents (
    name TEXT, crc INTEGER, size INTEGER, hour INTEGER, records INTEGER, quarantined INTEGER,
    PRIMARY KEY (name, crc, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS merge_quarantine (
    name TEXT, crc INTEGER, size INTEGER, archive TEXT, path TEXT, line INTEGER, reason TEXT, detail TEXT, raw TEXT);
-- salted digests of users who were erased; without done_at the lake may still hold them
CREATE TABLE IF NOT EXISTS tombstones (
    kind TEXT, digest TEXT, asked_at TEXT, done_at TEXT, PRIMARY KEY (kind, digest)) WITHOUT ROWID;
-- what segments were promoted under (JSON), by the digest that they name
CREATE TABLE IF NOT EXISTS promotions (digest TEXT PRIMARY KEY, settings TEXT) WITHOUT ROWID;
-- per UTC hour of occurred_at, the newest change that touched it
CREATE TABLE IF NOT EXISTS touched (hour INTEGER PRIMARY KEY, sequence INTEGER);
-- what was asked of the Export API: the newest answer for each upload hour, and the archive that holds it
CREATE TABLE IF NOT EXISTS requested (
    hour INTEGER PRIMARY KEY, answer TEXT, asked_at TEXT, archive TEXT, failures INTEGER, problem TEXT);
CREATE INDEX IF NOT EXISTS requested_archive ON requested (archive);
-- every archive that was downloaded: kept, replaced (by newer answers), cleared (after landing) or lost
CREATE TABLE IF NOT EXISTS downloads (
    name TEXT PRIMARY KEY, first_hour INTEGER, last_hour INTEGER, asked_at TEXT, sha256 TEXT, bytes INTEGER,
    state TEXT) WITHOUT ROWID;
-- hours that a person released although they are not loaded
CREATE TABLE IF NOT EXISTS accepted (hour INTEGER PRIMARY KEY, why TEXT, accepted_at TEXT);
-- top-level keys of a sample of an hour's lines that are none of the 55, or were missing; none for hours landed before
CREATE TABLE IF NOT EXISTS hour_keys (
    hour INTEGER PRIMARY KEY, lines INTEGER, new_keys TEXT, missing_keys TEXT);
"""


@dataclass(frozen=True)
class HourState:
    """One upload hour (UTC) as the ledger counts it: records = staged + duplicates + quarantined + erased.

    ``records`` are the lines read from the hour's distinct files (a file delivered twice is read once); a file that
    cannot be read at all counts as one record, quarantined. ``late_resends`` are among the staged,
    ``insert_id_duplicates`` (level 2) among the duplicates. ``note``: why an hour was accepted, or what its last
    request failed with.
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
    note: str | None = None
    insert_id_duplicates: int = 0


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
