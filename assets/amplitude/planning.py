"""What a landing would do: compare the export folder with the ledger, opening only files that are new or changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby

from assets.amplitude import mirror
from assets.amplitude.archive import (
    ArchiveFile,
    Member,
    day_hours,
    events_folder,
    hour_number,
    hour_start,
    list_files,
    local_midnight_hour,
    read_members,
)
from assets.amplitude.asked import unrecorded
from assets.amplitude.ledger import Ledger
from assets.amplitude.merges import pending_files
from assets.amplitude.promotion import Promotion
from assets.amplitude.quarantine import holds_raw_lines
from assets.amplitude.switching import is_switched, require_exports
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home

# A unit is read and committed as one: small days together, hours of a bigger day together, a big hour alone.
UNIT_BYTES = 24 << 20
SMALL_DAY_BYTES, SMALL_UNIT_BYTES, SMALL_UNIT_DAYS = 512 << 10, 2 << 20, 12


@dataclass(frozen=True)
class Unit:
    """Whole upload hours that are landed together. ``members`` are sorted by hour and content, each content once;
    ``spares`` are further copies of the same contents, for when a copy turns out to be damaged."""

    hours: tuple[int, ...]
    members: tuple[Member, ...]
    spares: tuple[Member, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(member.size for member in self.members)


@dataclass(frozen=True)
class LandingPlan:
    """New or changed upload hours and merge files, and whether kept segments need their promoted columns again.
    ``start_over``: what was landed is to be forgotten first, because user ids are to be written another way.

    ``days``: upload days (UTC), sorted; ``members``: hourly files to read; ``bytes``: their gzip bytes;
    ``is_empty``: landing would change nothing.
    """

    units: tuple[Unit, ...]
    promote_again: int = 0
    is_unfinished: bool = False
    merge_files: int = 0
    start_over: bool = False

    @property
    def days(self) -> list[date]:
        return sorted({hour_start(hour).date() for unit in self.units for hour in unit.hours})

    @property
    def members(self) -> int:
        return sum(len(unit.members) for unit in self.units)

    @property
    def bytes(self) -> int:
        return sum(unit.bytes for unit in self.units)

    @property
    def is_empty(self) -> bool:
        return not (self.units or self.promote_again or self.is_unfinished or self.merge_files or self.start_over)


@contextmanager
def refresh_catalogue(home: Home, company: Company) -> Iterator[Ledger]:
    """The ledger, its catalogue brought up to date with the export folder.

    Files are compared by size and modification time first; only new or changed ones are opened. Raises InputError,
    with nothing changed, for a folder or zip that cannot be read and for a folder without any hourly file (of an
    extracted source, which may well be empty, only what the ledger has recorded is read).
    """
    folder = events_folder(home, company)
    listed = list_files(folder)
    awaited = mirror.awaited_hours(home) if company.events_url else set()
    with Ledger.open(home) as ledger:
        strange = unrecorded(ledger, folder) if company.events.is_extracted else set()
        files = {str(file.path): file for file in listed if str(file.path) not in strange}
        known = ledger.archives()
        fresh = [file for path, file in files.items() if known.get(path) != file]
        members = [member for file in fresh for member in read_members(file)]
        gone = known.keys() - files.keys()
        was_extracted = bool(ledger.extracted()) and not company.events.is_extracted
        if fresh or gone or was_extracted or ledger.meta("time_zone") != company.time_zone:
            with ledger.transaction():
                ledger.catalogue(gone, fresh, members)
                ledger.set_meta("time_zone", company.time_zone)
                if was_extracted:
                    ledger.con.execute("DELETE FROM meta WHERE name IN ('start_hour', 'safe_hour')")
        ledger.await_hours(awaited)
        if ledger.first_known_hour() is None and not company.events.is_extracted:
            raise _nothing_to_read(company, list(files.values()), len(ledger.members()), len(awaited))
        yield ledger


def _nothing_to_read(company: Company, files: list[ArchiveFile], strangers: int, awaited: int) -> InputError:
    where = company.events_url or str(company.events_path)
    if awaited and not strangers:
        return InputError(
            f"none of the {awaited} upload hours in the bucket has its complete-marker",
            where=where,
            mend="wait until Amplitude has written the first hour, or remove the markers from the bucket",
        )
    if not files:
        what = "the events folder holds no .zip and no .json.gz file"
    elif strangers:
        what = f"none of the {strangers} files in the archives is named like an hour of events"
    else:
        what = "the archives in the events folder are empty: they hold no hourly file"
    return InputError(
        what,
        where=where,
        mend="put Export API zips or files named <project>_<yyyy-MM-dd>_<H>#<part>.json.gz into the folder",
    )


def plan(
    home: Home,
    company: Company,
    until: date | None = None,
    land_again: set[date] | None = None,
    *,
    more_follows: bool = False,
) -> LandingPlan:
    """What ``land`` would do now.

    ``until``: local date; only hours that end by the local midnight after it are planned. ``land_again``: upload days
    (UTC) whose hours are read again although nothing about them changed. ``more_follows``: another plan is landed right
    after this one, so workers need no short units to end together. Raises InputError for bad input, and when the
    lake has user ids another way than the company asks for, unless everything is to be read again.
    """
    promotion = Promotion.of(company)
    with refresh_catalogue(home, company) as ledger:
        hours = set(ledger.new_hours())
        for day in land_again or ():
            hours |= {member.hour for member in ledger.members(day_hours(day)) if member.hour is not None}
        switched = is_switched(ledger, promotion.privacy)
        if switched:
            require_exports(ledger, promotion.privacy, land_again or ())
        if until is not None:
            end = local_midnight_hour(until, company.time_zone)
            hours = {hour for hour in hours if hour < end}
        units = _units(ledger.members(sorted(hours)))
        units = units if more_follows else _tapered(units)
        stale = ledger.con.execute("SELECT count(*) FROM segments WHERE promotion <> ?", [promotion.digest]).fetchone()[
            0
        ]
        open_ends = ledger.con.execute(
            "SELECT (SELECT count(*) FROM segments WHERE NOT settled) + (SELECT count(*) FROM unsettled)"
            " + (SELECT count(*) FROM tombstones WHERE done_at IS NULL)"
        ).fetchone()[0]
        to_read, replaced = pending_files(ledger)
        merge_files = len(to_read) + len(replaced)
        open_ends += promotion.privacy.is_set and holds_raw_lines(ledger)
    return LandingPlan(tuple(units), stale, bool(open_ends), merge_files, switched)


def first_day(home: Home, company: Company) -> date | None:
    """Upload day (UTC) of the oldest hour there is, None without any; reads only what the ledger does not know.

    A bucket is listed only if it never was.
    """
    hours = []
    if company.events_url:
        if mirror.known_first_hour(home) is None:
            hours += [hour_number(datetime.combine(day, time())) for day in mirror.look(home, company).days]
        hours += [hour for hour in [mirror.known_first_hour(home)] if hour is not None]
    if not company.events_url or mirror.has_fetched(home):
        with refresh_catalogue(home, company) as ledger:
            hours += [hour for hour in [ledger.first_known_hour()] if hour is not None]
    return hour_start(min(hours)).date() if hours else None


def days_ahead(home: Home, company: Company, until: date | None = None) -> list[date]:
    """Upload days (UTC) that a refresh would land, sorted; a bucket is listed for it, and nothing is fetched."""
    if not company.events_url:
        return plan(home, company, until).days
    days = mirror.look(home, company, until).days
    return sorted(days | set(plan(home, company, until).days) if mirror.has_fetched(home) else days)


def _units(copies: list[Member]) -> list[Unit]:
    """Small days are taken together, other days apart and cut into units between hours."""
    units: list[list[Member]] = []
    small: list[list[Member]] = []
    for _, group in groupby(copies, key=lambda m: (m.hour or 0) // 24):
        of_day = list(group)
        if _size(of_day) > SMALL_DAY_BYTES:
            units += _cut(of_day, UNIT_BYTES)
        else:
            small.append(of_day)
    while small:
        taken, days = small.pop(0), 1
        while small and days < SMALL_UNIT_DAYS and _size(taken) + _size(small[0]) <= SMALL_UNIT_BYTES:
            taken, days = taken + small.pop(0), days + 1
        units.append(taken)
    return sorted((_unit(members) for members in units), key=lambda unit: unit.hours)


def _tapered(units: list[Unit]) -> list[Unit]:
    """The last units cut into single hours, so that no worker waits long for another at the end."""
    kept, end, size = list(units), list[Unit](), 0
    while len(kept) > 1 and size < UNIT_BYTES and kept[-1].bytes > SMALL_UNIT_BYTES:
        last = kept.pop()
        size += last.bytes
        end = [_hour_of(last, hour) for hour in last.hours] + end
    return kept + end


def _hour_of(unit: Unit, hour: int) -> Unit:
    members = tuple(member for member in unit.members if member.hour == hour)
    return Unit((hour,), members, tuple(member for member in unit.spares if member.hour == hour))


def _cut(members: list[Member], limit: int) -> Iterator[list[Member]]:
    taken: list[Member] = []
    for _, group in groupby(members, key=lambda m: m.hour):
        of_hour = list(group)
        if taken and _size(taken) + _size(of_hour) > limit:
            yield taken
            taken = []
        taken = taken + of_hour
    yield taken


def _unit(copies: list[Member]) -> Unit:
    """Each content of each hour once; of several copies one that may be read, if there is one."""
    first: dict[tuple[int | None, str, int, int], Member] = {}
    spares = []
    for member in sorted(copies, key=lambda m: (m.problem is not None, m.archive, m.path)):
        if first.setdefault((member.hour, *member.content), member) is not member and not member.problem:
            spares.append(member)
    members = sorted(first.values(), key=lambda m: (m.hour or 0, *m.content))
    return Unit(tuple(sorted({m.hour for m in members if m.hour is not None})), tuple(members), tuple(spares))


def _size(members: list[Member]) -> int:
    return sum(member.size for member in members)
