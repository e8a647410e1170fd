"""What was asked of the Export API and what came back, in the ledger: one transaction for each answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from assets.amplitude.archive import ArchiveFile, hour_start, read_members
from assets.amplitude.download import Download, damage
from assets.amplitude.ledger import Ledger
from assets.amplitude.windows import Asked, Window
from assets.company.model import Company
from assets.durable import sha256_of
from assets.errors import InputError
from assets.home import Home

_NAME = re.compile(r"\d{8}T\d{2}_\d{8}T\d{2}_asked_\d{8}T\d{6}\.zip")


def archive_name(window: Window, asked_at: datetime) -> str:
    """A file name that tells window and moment, so that an archive without a ledger row can be adopted."""
    first, last = (f"{hour_start(hour):%Y%m%dT%H}" for hour in (window.first, window.last))
    return f"{first}_{last}_asked_{asked_at:%Y%m%dT%H%M%S}.zip"


def unrecorded(ledger: Ledger, folder: Path) -> set[str]:
    """Paths of downloads in the folder that are not (or no longer) the ledger's: landing leaves them alone."""
    kept = {name for (name,) in ledger.con.execute("SELECT name FROM downloads WHERE state = 'kept'")}
    return {str(path) for path in folder.glob("*.zip") if _NAME.fullmatch(path.name) and path.name not in kept}


def _told_by(name: str) -> tuple[Window, datetime] | None:
    if not _NAME.fullmatch(name):
        return None
    first, last, _, asked = name.removesuffix(".zip").split("_")
    hours = [(datetime.strptime(text, "%Y%m%dT%H") - datetime(1970, 1, 1)) for text in (first, last)]  # noqa: DTZ001, DTZ007
    numbers = [int(span.total_seconds()) // 3600 for span in hours]
    return Window(numbers[0], numbers[1]), datetime.strptime(asked, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - UTC


def known_hours(ledger: Ledger) -> dict[int, Asked]:
    """What planning must know of each hour that was asked for, landed or accepted."""
    con = ledger.con
    landed = dict(con.execute("SELECT hour, state FROM hours").fetchall())
    never = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC
    known = {hour: Asked("done", never) for hour, state in landed.items() if state == "loaded"}
    for hour, answer, asked_at, failures in con.execute("SELECT hour, answer, asked_at, failures FROM requested"):
        is_damaged = answer == "fetched" and landed.get(hour) in {"partial", "failed"}
        known[hour] = Asked("damaged" if is_damaged else answer, datetime.fromisoformat(asked_at), failures)
    known |= {hour: Asked("done", never) for (hour,) in con.execute("SELECT hour FROM accepted")}
    return known


def record_archive(ledger: Ledger, window: Window, archive: Download, asked_at: datetime) -> int:
    """Make a downloaded archive the newest answer for its hours; returns how many of them hold events.

    Older copies of hours that it holds are forgotten, and archives that hold nothing newest any more are removed. An
    hour that an older archive holds and this one does not stays with the older one: nothing may be lost by asking.
    """
    path, name = archive.path, archive.path.name
    status = path.stat()
    members = [m for m in read_members(ArchiveFile(path, status.st_size, status.st_mtime_ns))
               if m.hour is None or m.hour in window.hours]  # fmt: skip
    filled = {member.hour for member in members if member.hour is not None}
    with ledger.transaction():
        ledger.catalogue([], [ArchiveFile(path, status.st_size, status.st_mtime_ns)], members)
        ledger.con.executemany(
            """DELETE FROM members WHERE hour = ?1 AND archive IN (SELECT ?2 || archive FROM requested WHERE hour = ?1)
            AND archive <> ?3""",
            [(hour, f"{path.parent}/", str(path)) for hour in filled],
        )
        _answer(ledger, sorted(filled), "fetched", asked_at, name)
        _answer(ledger, sorted(set(window.hours) - filled), "empty", asked_at, None)
        ledger.con.execute(
            "INSERT OR REPLACE INTO downloads VALUES (?, ?, ?, ?, ?, ?, 'kept')",
            [name, window.first, window.last, asked_at.isoformat(), archive.sha256, archive.bytes],
        )
        gone = _unneeded(ledger)
        _retire(ledger, path.parent, gone, "replaced")
    for old in gone:
        (path.parent / old).unlink(missing_ok=True)
    return len(filled)


def record_empty(ledger: Ledger, window: Window, asked_at: datetime) -> None:
    """Amplitude holds nothing for these hours."""
    with ledger.transaction():
        _answer(ledger, window.hours, "empty", asked_at, None)


def record_failure(ledger: Ledger, window: Window, problem: str, asked_at: datetime) -> None:
    """A request that patience did not mend. What was answered before stays the answer."""
    with ledger.transaction():
        ledger.con.executemany(
            """INSERT INTO requested VALUES (?, 'failed', ?, NULL, 1, ?)
            ON CONFLICT DO UPDATE SET failures = failures + 1, problem = excluded.problem""",
            [(hour, asked_at.isoformat(), problem) for hour in window.hours],
        )


def _answer(ledger: Ledger, hours: Iterable[int], answer: str, asked_at: datetime, archive: str | None) -> None:
    """An hour that was fetched once stays so: emptiness afterwards takes nothing away."""
    ledger.con.executemany(
        """INSERT INTO requested VALUES (?, ?, ?, ?, 0, NULL)
        ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at, failures = 0, problem = NULL,
            archive = coalesce(excluded.archive, archive),
            answer = CASE WHEN answer = 'fetched' THEN answer ELSE excluded.answer END""",
        [(hour, answer, asked_at.isoformat(), archive) for hour in hours],
    )


def _unneeded(ledger: Ledger) -> list[str]:
    """Kept archives that hold the newest answer of no hour."""
    rows = ledger.con.execute(
        """SELECT name FROM downloads WHERE state = 'kept'
        AND name NOT IN (SELECT archive FROM requested WHERE archive IS NOT NULL)"""
    )
    return [name for (name,) in rows]


def _retire(ledger: Ledger, folder: Path, names: list[str], state: str) -> None:
    """Within a transaction: their files may go now; a file that outlives a crash is removed by ``tidy``."""
    ledger.catalogue([str(folder / name) for name in names], [], [])
    ledger.con.executemany("UPDATE downloads SET state = ? WHERE name = ?", [(state, name) for name in names])


def clear_landed(ledger: Ledger, folder: Path) -> int:
    """Remove archives whose hours are all loaded; the ledger remembers them. Returns how many."""
    held = """SELECT d.name FROM downloads d WHERE d.state = 'kept' AND NOT EXISTS (
        SELECT 1 FROM requested a LEFT JOIN hours h USING (hour)
        WHERE a.archive = d.name AND coalesce(h.state, 'waiting') <> 'loaded')"""
    pending = set(ledger.new_hours())
    with ledger.transaction():
        names = [
            name
            for (name,) in ledger.con.execute(held).fetchall()
            if not pending & {h for (h,) in ledger.con.execute("SELECT hour FROM requested WHERE archive = ?", [name])}
        ]
        _retire(ledger, folder, names, "cleared")
    for name in names:
        (folder / name).unlink(missing_ok=True)
    return len(names)


def tidy(ledger: Ledger, folder: Path) -> None:
    """Bring folder and ledger together after whatever happened between two extractions.

    Unfinished downloads and files of removed archives go. A finished archive that a crash kept out of the ledger is
    verified and adopted. Hours whose archive disappeared before it was landed are to be asked for again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(".*.part"):
        part.unlink()
    known = {
        name: (state, size) for name, state, size in ledger.con.execute("SELECT name, state, bytes FROM downloads")
    }
    present = {path.name: path for path in sorted(folder.glob("*.zip"))}
    for name, path in present.items():
        state, size = known.get(name, (None, 0))
        if state in {"replaced", "cleared", "lost"} or (state == "kept" and path.stat().st_size != size):
            path.unlink()
        elif state is None and (told := _told_by(name)):
            _adopt(ledger, path, *told)
    lost = [name for name, (state, _) in known.items() if state == "kept" and not (folder / name).exists()]
    if lost:
        _forget_lost(ledger, folder, lost)


def _adopt(ledger: Ledger, path: Path, window: Window, asked_at: datetime) -> None:
    if damage(path):
        path.unlink()
        return
    record_archive(ledger, window, Download(path, sha256_of(path), path.stat().st_size), asked_at)


def _forget_lost(ledger: Ledger, folder: Path, names: list[str]) -> None:
    pending = set(ledger.new_hours())
    landed = {hour for (hour,) in ledger.con.execute("SELECT hour FROM hours")}
    with ledger.transaction():
        for name in names:
            hours = [hour for (hour,) in ledger.con.execute("SELECT hour FROM requested WHERE archive = ?", [name])]
            again = [[hour] for hour in hours if hour in pending or hour not in landed]
            ledger.con.executemany("DELETE FROM requested WHERE hour = ?", again)
        _retire(ledger, folder, names, "lost")


# ---- hours that a person releases


def parse_hour(text: str) -> int:
    """An upload hour (UTC) as people write it: 2025-03-03T05, 2025-03-03 05:00. Raises InputError."""
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})[T ](\d{1,2})(:00){0,2}[hHZ]?", text.strip())
    try:
        day = datetime.strptime(match[1], "%Y-%m-%d") if match else None  # noqa: DTZ007 - UTC
    except ValueError:
        day = None
    if match is None or day is None or int(match[2]) > 23:
        raise InputError(
            f"'{text}' is not an upload hour", where="HOUR", mend="write it as 2026-10-31T05: day and hour, in UTC"
        )
    return (day - datetime(1970, 1, 1)).days * 24 + int(match[2])  # noqa: DTZ001 - UTC


def accept(home: Home, hour: int, why: str) -> str:
    """Release an hour that will not be loaded: the watermark no longer waits for it, and it is not asked for again.

    A good copy that is landed later takes its place. Returns the state it had. Raises InputError for an hour that
    needs no release and for an empty reason.
    """
    where = f"upload hour {hour_start(hour):%Y-%m-%d %H}h UTC"
    if not why.strip():
        raise InputError("a reason is missing", where=where, mend="say in --why what makes the hour hopeless")
    if not home.ledger.exists():
        raise InputError("there is no ledger yet", where=str(home.ledger), mend="refresh first")
    with Ledger.open(home) as ledger:
        state = {known.upload_hour: known.state for known in ledger.hours()}.get(hour_start(hour))
        if state is None:
            raise InputError(
                "the ledger does not know this hour", where=where, mend="`lens status` names the hours that wait"
            )
        if state in {"loaded", "empty"}:
            raise InputError(f"the hour is {state}: nothing waits for it", where=where, mend="nothing to mend")
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        with ledger.transaction():
            ledger.con.execute("INSERT OR REPLACE INTO accepted VALUES (?, ?, ?)", [hour, why.strip(), now])
    return state


def ledger_token(home: Home, company: Company) -> str:
    """What the ledger adds to the fingerprint of a refresh: it changes whenever hours were accepted or, for an
    extracted source, asked for or landed. Empty when there is nothing to add."""
    if not home.ledger.exists():
        return ""
    with Ledger.open_read_only(home) as ledger:
        found: list[object] = ledger.con.execute("SELECT hour, why FROM accepted ORDER BY hour").fetchall()
        if company.events.is_extracted:
            found += ledger.con.execute("SELECT answer, count(*), sum(hour) FROM requested GROUP BY 1 ORDER BY 1")
            found += [ledger.meta(name) for name in ("sequence", "start_hour", "safe_hour")]
    return hashlib.sha256(repr(found).encode()).hexdigest() if found else ""
