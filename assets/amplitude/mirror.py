"""A bucket's exports, kept as files: ``lake/amplitude/archives`` is what landing reads.

What the listing says is compared with what was fetched before (``mirror.sqlite``); only new and changed objects are
streamed, each into a temporary file that is verified before it takes its place. What vanishes from the bucket stays.

Amplitude's destinations may write a marker when an hour (or a day) is complete. Once there is any marker in the bucket,
hourly files wait for theirs: until then the hour is not ready. Without any marker files count as they are.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from assets.amplitude.archive import (
    archives_folder,
    dropped_mark,
    hour_start,
    is_junk,
    local_midnight_hour,
    upload_hour,
)
from assets.amplitude.convert import make_durable
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home
from assets.object_store import Store, StoredObject
from assets.progress import Progress, silent

WORKERS = 8
_ATTEMPTS = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
-- what was fetched: the object's key below the URL, and where it lies
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, size INTEGER, version TEXT, path TEXT) WITHOUT ROWID;
-- what the latest listing says; hour and project only where the name tells them
CREATE TABLE IF NOT EXISTS listing (
    key TEXT PRIMARY KEY, size INTEGER, version TEXT, md5 TEXT, project TEXT, hour INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS markers (project TEXT, hour INTEGER, PRIMARY KEY (project, hour)) WITHOUT ROWID;
"""
# <project>_<yyyy-MM-dd>[_<H>]_complete, with or without a suffix: public documentation does not spell it out.
_MARKER = re.compile(r"(?P<project>[^_/\\]+)_(?P<day>\d{4}-\d{2}-\d{2})(?:_(?P<hour>\d{1,2}))?[_.#-]complete(\.\w+)*")
_READY = (
    "(project IS NULL OR NOT EXISTS (SELECT 1 FROM markers) OR (project, hour) IN (SELECT project, hour FROM markers))"
)
_NEW = "(size, version) IS NOT (SELECT size, version FROM objects WHERE objects.key = listing.key)"


@dataclass
class Outlook:
    """What a mirroring would do: objects and bytes to fetch, the upload days (UTC) their names tell, and the upload
    hours that wait for their marker."""

    objects: int = 0
    bytes: int = 0
    days: set[date] = field(default_factory=set)
    awaited: set[int] = field(default_factory=set)


def local_path(key: str) -> Path:
    """Where an object lies below the archives: as in the bucket, unless its key could lead elsewhere."""
    parts = key.split("/")
    # A folder that is called like a file could stand where another object's file belongs.
    is_harmless = all(map(_is_plain, parts)) and not any(Path(p).suffix.lower() in {".gz", ".zip"} for p in parts[:-1])
    if is_harmless and len(key.encode()) <= 1_000:
        return Path(*parts)
    name = parts[-1] if _is_plain(parts[-1]) else f"object{Path(key).suffix.lower()}"
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Path("odd-keys", digest, name)


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and part.isprintable() and "\\" not in part and len(part.encode()) <= 200


@contextmanager
def _memory(home: Home) -> Iterator[sqlite3.Connection]:
    home.amplitude_lake.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(home.amplitude_lake / "mirror.sqlite", isolation_level=None, timeout=60)) as con:
        con.executescript(_SCHEMA)
        yield con


def look(home: Home, company: Company, until: date | None = None, progress: Progress = silent) -> Outlook:
    """List the bucket, fetching nothing but the directories of new zips. Raises InputError."""
    store = Store(company.events_url or "")
    with _memory(home) as con:
        _list(con, store, progress)
        outlook = _outlook(con)
        zips = con.execute(f"SELECT key FROM listing WHERE hour IS NULL AND key LIKE '%.zip' AND {_NEW}").fetchall()
        hours = {
            hour for (hour,) in con.execute(f"SELECT hour FROM listing WHERE {_NEW} AND {_READY}") if hour is not None
        }
    for (key,) in zips:
        hours |= set(_zip_hours(store, key))
    end = local_midnight_hour(until, company.time_zone) if until else None
    outlook.days = {hour_start(hour).date() for hour in hours if end is None or hour < end}
    return outlook


def _zip_hours(store: Store, key: str) -> Iterator[int]:
    with store.open(key) as stream:
        try:
            names = zipfile.ZipFile(stream).namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            return  # landing opens it, and says what is wrong with it
    for name in names:
        hour = upload_hour(re.split(r"[/\\]", name)[-1])
        if hour is not None:
            yield hour


def known_first_hour(home: Home) -> int | None:
    """Oldest upload hour that the latest listing names; asks nobody."""
    if not (home.amplitude_lake / "mirror.sqlite").exists():
        return None
    with _memory(home) as con:
        hours = [hour for (hour,) in con.execute("SELECT min(hour) FROM listing") if hour is not None]
    return int(hours[0]) if hours else None


def has_fetched(home: Home) -> bool:
    """Whether any object was ever fetched."""
    with _memory(home) as con:
        return con.execute("SELECT 1 FROM objects").fetchone() is not None


def awaited_hours(home: Home) -> set[int]:
    """Upload hours whose files wait for a marker, by the latest listing."""
    with _memory(home) as con:
        return _outlook(con).awaited


def mirror(home: Home, company: Company, progress: Progress = silent) -> Outlook:
    """Fetch what is new or changed and ready; gives what was done.

    Raises InputError; what was fetched until then stays. Only one process at a time may do this in one LENS_HOME.
    """
    store, room = Store(company.events_url or ""), home.amplitude_lake / "fetching"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    try:
        with _memory(home) as con:
            _list(con, store, progress)
            _forget_lost_files(con, archives_folder(home))
            outlook = _outlook(con)
            _fetch_all(con, _Fetcher(store, room, archives_folder(home)), outlook, progress)
            return outlook
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _list(con: sqlite3.Connection, store: Store, progress: Progress) -> None:
    """Replace the listing; all or nothing, so that a listing which breaks off is none."""
    con.execute("BEGIN IMMEDIATE")
    try:
        if con.execute("SELECT 1 FROM meta WHERE name = 'url' AND value = ?", [store.url]).fetchone() is None:
            con.execute("DELETE FROM objects")  # keys of another place mean other objects
            con.execute("INSERT OR REPLACE INTO meta VALUES ('url', ?)", [store.url])
        con.execute("DELETE FROM listing")
        con.execute("DELETE FROM markers")
        objects, listed = store.objects(), 0
        while batch := list(islice(objects, 1_000)):
            con.executemany("INSERT OR IGNORE INTO markers VALUES (?, ?)", [m for o in batch for m in _marked(o.key)])
            con.executemany("INSERT INTO listing VALUES (?, ?, ?, ?, ?, ?)", filter(None, map(_listed, batch)))
            listed += len(batch)
            progress("listing the bucket (objects)", listed, 0)
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


def _listed(found: StoredObject) -> tuple[str, int, str, str | None, str | None, int | None] | None:
    name = found.key.rsplit("/", 1)[-1]
    shown = "/".join(part for part in found.key.split("/") if part not in {".", ".."})
    if not name.lower().endswith((".zip", ".gz")) or _MARKER.fullmatch(name) or is_junk(shown):
        return None
    hour = upload_hour(name)
    return found.key, found.size, found.version, found.md5, name.split("_", 1)[0] if hour is not None else None, hour


def _marked(key: str) -> Iterator[tuple[str, int]]:
    """(project, hour) of every hour that a marker calls complete."""
    match = _MARKER.fullmatch(key.rsplit("/", 1)[-1])
    if match:
        for number in [match["hour"]] if match["hour"] else range(24):
            hour = upload_hour(f"{match['project']}_{match['day']}_{number}#0.json.gz")
            if hour is not None:
                yield match["project"], hour


def _outlook(con: sqlite3.Connection) -> Outlook:
    count, size = con.execute(
        f"SELECT count(*), coalesce(sum(size), 0) FROM listing WHERE {_NEW} AND {_READY}"
    ).fetchone()
    waiting = {hour for (hour,) in con.execute(f"SELECT DISTINCT hour FROM listing WHERE {_NEW} AND NOT {_READY}")}
    return Outlook(count, size, awaited=waiting)


def _forget_lost_files(con: sqlite3.Connection, archives: Path) -> None:
    """What was fetched but lies there no more is fetched again, unless it was removed on purpose."""
    lost = [
        [key]
        for key, size, path in con.execute("SELECT key, size, path FROM objects")
        if not (_lies(archives / path, size) or dropped_mark(archives / path).exists())
    ]
    con.executemany("DELETE FROM objects WHERE key = ?", lost)


def _lies(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _fetch_all(con: sqlite3.Connection, fetcher: _Fetcher, outlook: Outlook, progress: Progress) -> None:
    """Several at a time, never more in flight than there are workers; each remembered once it is in its place."""
    keys = con.execute(
        f"SELECT key, size, version, md5 FROM listing WHERE {_NEW} AND {_READY} ORDER BY hour, key"
    ).fetchall()
    waiting, done = iter(StoredObject(*row) for row in keys), 0
    pool = ThreadPoolExecutor(WORKERS, "fetching")
    try:
        flying = [pool.submit(fetcher.fetch, found) for found in islice(waiting, WORKERS)]
        while flying:
            found = _first(flying)
            path = local_path(found.key).as_posix()
            row = [found.key, found.size, found.version, path]
            con.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row)
            done += found.size
            progress("fetching exports (bytes)", min(done, outlook.bytes), outlook.bytes)
            flying += [pool.submit(fetcher.fetch, following) for following in islice(waiting, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def _first(flying: list[Future[StoredObject]]) -> StoredObject:
    future = next((f for f in flying if f.done()), flying[0])
    flying.remove(future)
    return future.result()


class _Fetcher:
    """Streams objects to their places. ``has_md5``: whether what looks like an MD5 proved to be one in this bucket."""

    def __init__(self, store: Store, room: Path, archives: Path) -> None:
        self.store, self.room, self.archives = store, room, archives
        self.has_md5 = True

    def fetch(self, listed: StoredObject) -> StoredObject:
        """The object as it was fetched; it may have changed since it was listed."""
        found, target = listed, self.archives / local_path(listed.key)
        draft = self.room / hashlib.sha256(listed.key.encode()).hexdigest()
        former = None
        for _ in range(_ATTEMPTS):
            self.store.fetch(found.key, draft)
            digest = _md5(draft)
            if draft.stat().st_size == found.size:
                if found.md5 in (None, digest) or not self.has_md5:
                    break
                if digest == former:  # twice the same bytes: the tag is none of their content (SSE-KMS)
                    self.has_md5 = False
                    break
            former, found = digest, self.store.describe(listed.key)
        else:
            raise InputError(
                "the object does not arrive as the bucket describes it",
                where=f"{self.store.url} {listed.key[:200]!r}",
                mend="somebody may be writing it just now: refresh again; if it stays so, write the object anew",
            )
        make_durable(draft, target)
        return found


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
