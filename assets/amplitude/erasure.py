"""Erasing users: their events leave the lake, and tombstones keep every later landing from bringing them back.

An erasure is asked for in the ledger by digest, then carried out by the next landing or at once. It ends with
``done_at``; until then it is begun again by whoever comes next, so a killed one is mended by any landing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from assets.amplitude.archive import dropped_mark
from assets.amplitude.commit import segment_of
from assets.amplitude.convert import Converter, hour_of, make_durable, parquet
from assets.amplitude.land_unit import content_digest, lake_file
from assets.amplitude.ledger import Ledger
from assets.amplitude.ledger_tables import Segment
from assets.amplitude.privacy import Privacy
from assets.amplitude.promotion import Promotion
from assets.amplitude.quarantine import drop_raw_lines
from assets.amplitude.repeats import forget_rows, settle
from assets.amplitude.switching import note_traces, require_same
from assets.amplitude.tombstones import KINDS, Tombstones, are_waiting, ask, salted, write
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home
from assets.progress import Progress, silent

ARCHIVES = "archives"


@dataclass
class Erased:
    """What an erasure took out: events, lake files that were written anew, downloaded archives that were deleted."""

    events: int = 0
    files: int = 0
    archives: int = 0


def ask_to_erase(home: Home, company: Company, ids: Mapping[str, Sequence[str]]) -> None:
    """Write tombstones for ids of the kinds user, device and amplitude. Nothing is read or written but the ledger.

    Raises InputError for an empty id, without a key where ids are hashed, and when the lake has them another way.
    """
    privacy = Privacy.of(company)
    wanted = {kind: [value.strip() for value in ids.get(kind, ())] for kind in KINDS}
    if not any(wanted.values()) or any(not value for values in wanted.values() for value in values):
        raise InputError("there is no id to forget", where="the request", mend="give a user id that is not empty")
    with Ledger.open(home) as ledger:
        require_same(ledger, privacy)
        with ledger.transaction():
            for kind, values in wanted.items():
                ask(ledger, kind, values, privacy.user_hash)
            note_traces(ledger)


def erase(home: Home, company: Company, progress: Progress = silent) -> Erased:
    """Carry out what was asked for and not yet done. The lake's old files are gone when this returns."""
    with Ledger.open(home) as ledger:
        require_same(ledger, Privacy.of(company))
        return carry_out(ledger, Promotion.of(company), progress)


def carry_out(ledger: Ledger, promotion: Promotion, tell: Progress) -> Erased:
    """``erase``, within a landing."""
    result = Erased()
    if not are_waiting(ledger):
        return result
    scratch = ledger.lake / "scratch"
    try:
        _ask_for_their_devices(ledger, promotion, scratch)
        converter = Converter(scratch, with_tombstones(ledger, promotion), threads=2)
        try:
            segments = _holding(ledger, converter)
            for done, segment in enumerate(segments, 1):
                result.events += _take_out(ledger, converter, segment)
                tell("erasing events", done, len(segments))
            result.files = len(segments)
            drop_raw_lines(ledger, converter)
            settle(ledger, converter)
        finally:
            converter.close()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sweep(ledger)
    result.archives = drop_archives(ledger)
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    ledger.con.execute("UPDATE tombstones SET done_at = ? WHERE done_at IS NULL", [now])
    return result


def with_tombstones(ledger: Ledger, promotion: Promotion) -> Promotion:
    """The promotion that leaves out whom the ledger says were erased."""
    return replace(promotion, privacy=replace(promotion.privacy, erased=Tombstones.of(ledger)))


def sweep(ledger: Ledger) -> None:
    """Remove what no ledger row names: files of crashed or former landings."""
    named = ledger.files()
    shutil.rmtree(ledger.lake / "scratch", ignore_errors=True)
    for room in ("events", "quarantine"):
        for path in (ledger.lake / room).glob("*/*"):
            if path.relative_to(ledger.lake).as_posix() not in named:
                path.unlink()


def _lake(ledger: Ledger) -> list[Path]:
    return [ledger.lake / segment.file for segment in ledger.segments()]


def _ask_for_their_devices(ledger: Ledger, promotion: Promotion, scratch: Path) -> None:
    """Events without a user id, on devices that nobody but the erased users was ever seen on, are theirs too."""
    files, tombstones = _lake(ledger), Tombstones.of(ledger)
    if not files or tombstones is None:
        return
    converter = Converter(scratch, with_tombstones(ledger, promotion), threads=2)
    is_theirs, lake = tombstones.matches(["user"]), parquet(files)
    try:
        found = converter.con.execute(
            f"""
            WITH theirs AS (
                SELECT DISTINCT device_id FROM {lake} WHERE nullif(device_id, '') IS NOT NULL AND {is_theirs})
            SELECT {salted("device_id", "device")} FROM {lake} SEMI JOIN theirs USING (device_id)
            WHERE nullif(user_id, '') IS NOT NULL GROUP BY device_id HAVING bool_and({is_theirs})"""
        ).fetchall()
    finally:
        converter.close()
    with ledger.transaction():
        write(ledger, "anonymous", [digest for (digest,) in found])


def _matches(converter: Converter) -> str:
    erased = converter.promotion.privacy.erased
    return erased.matches() if erased else "false"


def _holding(ledger: Ledger, converter: Converter) -> list[Segment]:
    """Segments with an event to erase."""
    files = _lake(ledger)
    if not files:
        return []
    rows = converter.con.execute(
        f"SELECT DISTINCT filename FROM {parquet(files, 'filename')} WHERE {_matches(converter)}"
    )
    named = {name for (name,) in rows.fetchall()}
    return [segment for segment in ledger.segments() if str(ledger.lake / segment.file) in named]


def _take_out(ledger: Ledger, converter: Converter, segment: Segment) -> int:
    """One file written anew without them: one change of the ledger. Returns how many events left."""
    source, doomed = ledger.lake / segment.file, _matches(converter)
    gone = converter.con.execute(
        f"""SELECT uuid::VARCHAR, {hour_of("upload_hour")}, {hour_of("occurred_at")}, amplitude_id
        FROM {parquet([source])} WHERE {doomed}"""
    ).fetchall()
    rest = converter.rewrite([source], converter.scratch / "rest.parquet", where=f"NOT {doomed}")
    final = ledger.lake / lake_file(min(segment.hours), content_digest([segment.file, "erased", rest.facts.rows]))
    if rest.facts.rows:
        make_durable(rest.path, final)
    with ledger.change() as sequence:
        ledger.drop_segment(segment.number)
        if rest.facts.rows:
            piece = replace(rest, path=final)
            ledger.add_segment(segment_of(ledger, piece, segment.promotion, segment.settled))
        forget_rows(ledger, [(uuid, hour) for uuid, hour, _, _ in gone])
        ledger.con.executemany(
            "UPDATE hours SET lake_rows = lake_rows - 1, erased = erased + 1 WHERE hour = ?",
            [(hour,) for _, hour, _, _ in gone],
        )
        # What was merged into or out of their Amplitude ids tells of them too.
        ledger.con.executemany(
            "DELETE FROM merge_facts WHERE ?1 IN (amplitude_id, survivor)",
            [(number,) for number in {number for *_, number in gone if number is not None}],
        )
        ledger.touch({hour for _, _, hour, _ in gone}, sequence)
    return len(gone)


def drop_archives(ledger: Ledger) -> int:
    """Delete downloaded archives that hold an hour of an erased user, or one with lines nobody could read, once all
    their hours are landed. Returns how many. A company's own export folder is not touched."""
    folder = ledger.lake / ARCHIVES
    if not folder.is_dir() or Tombstones.of(ledger) is None:
        return 0
    rows = ledger.con.execute(
        """
        SELECT archive FROM members LEFT JOIN hours USING (hour)
        GROUP BY archive HAVING max(erased + quarantined) > 0 AND sum(
            members.hour IS NOT NULL AND (members.hour, name, crc, size) NOT IN (
                SELECT hour, name, crc, size FROM contents)) = 0"""
    ).fetchall()
    dropped = 0
    for path in (Path(archive) for (archive,) in rows):
        if path.is_relative_to(folder.resolve()) and path.exists():
            dropped_mark(path).touch()  # so that a mirror does not fetch it again
            path.unlink()
            dropped += 1
    return dropped
