"""User ids are written one way in one lake. Switching to another way means landing everything again, and only then.

Traces are what may still hold ids after the lake does not: releases, and the free blocks of the build warehouse. They
are noted here and removed after the next release without a held back group.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from assets.amplitude.archive import hour_start
from assets.amplitude.ledger import Ledger
from assets.amplitude.privacy import Privacy
from assets.company.user_hash import KEY
from assets.errors import InputError
from assets.home import Home

_USER_IDS = "user_ids"
RELEASES, WAREHOUSE = "releases", "warehouse"
_LANDED = (
    "hours", "contents", "segments", "segment_hours", "event_hours", "quarantine_files", "repeats", "unsettled",
    "merge_facts", "merge_contents", "merge_quarantine", "hour_keys",
)  # fmt: skip


def written_as(ledger: Ledger) -> str | None:
    """How the lake writes user ids; None while it holds none."""
    is_empty = ledger.con.execute("SELECT 1 FROM hours").fetchone() is None
    return None if is_empty else ledger.meta(_USER_IDS) or "plain"


def is_switched(ledger: Ledger, privacy: Privacy) -> bool:
    """Whether the company asks for user ids another way than the lake has them."""
    return written_as(ledger) not in {None, privacy.user_ids}


def require_same(ledger: Ledger, privacy: Privacy) -> None:
    """Raise InputError, saying how to switch, where the company asks for user ids another way."""
    if not is_switched(ledger, privacy):
        return
    first, last = ledger.con.execute("SELECT min(hour), max(hour) FROM hours").fetchone()
    days = f"--from {hour_start(first):%Y-%m-%d} --to {hour_start(last):%Y-%m-%d}"
    raise InputError(
        f"the lake holds user ids {written_as(ledger)}, but they are to be {privacy.user_ids} now",
        where=f"company.yaml: events.hash_user_ids, and {KEY}",
        mend=f"set it back as it was; or switch, which reads every export again: `lens backfill {days}`",
    )


def require_exports(ledger: Ledger, privacy: Privacy, asked: Collection[date]) -> None:
    """Raise InputError unless all landed days (UTC) are asked for and their exports are there to be read again."""
    landed = {hour_start(hour).date() for (hour,) in ledger.con.execute("SELECT hour FROM hours")}
    if landed - set(asked):
        require_same(ledger, privacy)
    missing = ledger.con.execute(
        """SELECT DISTINCT hour FROM contents
        WHERE (hour, name, crc, size) NOT IN (SELECT hour, name, crc, size FROM members WHERE hour IS NOT NULL)"""
    ).fetchall()
    if missing:
        raise InputError(
            f"the exports of {len(missing):,} upload hours are not there any more, so that they cannot be written"
            f" with user ids {privacy.user_ids}",
            where=f"upload hour {min(hour_start(hour) for (hour,) in missing):%Y-%m-%d %H}h UTC and others",
            mend=f"put the exports back; or set events.hash_user_ids and {KEY} back as they were",
        )


def start_over(ledger: Ledger, privacy: Privacy) -> None:
    """Forget what was landed (its files go with the next sweep); tombstones stay, and so does what folders hold."""
    with ledger.change() as sequence:
        ledger.touch([hour for (hour,) in ledger.con.execute("SELECT DISTINCT hour FROM event_hours")], sequence)
        for table in _LANDED:
            ledger.con.execute(f"DELETE FROM {table}")
        ledger.set_meta(_USER_IDS, privacy.user_ids)
        note_traces(ledger)


def remember(ledger: Ledger, privacy: Privacy) -> None:
    """Note how user ids are written, before the first of them is."""
    require_same(ledger, privacy)
    if ledger.meta(_USER_IDS) != privacy.user_ids:
        ledger.set_meta(_USER_IDS, privacy.user_ids)


def note_traces(ledger: Ledger) -> None:
    """Note that releases and warehouse hold what the lake must not hold any more."""
    for place in (RELEASES, WAREHOUSE):
        ledger.set_meta(f"traces_{place}", "left")


def traces(home: Home) -> set[str]:
    """Places that may still hold such ids."""
    if not home.ledger.exists():
        return set()
    with Ledger.open_read_only(home) as ledger:
        return {place for place in (RELEASES, WAREHOUSE) if ledger.meta(f"traces_{place}") == "left"}


def clear_traces(home: Home, place: str) -> None:
    """Note that a place was cleaned."""
    with Ledger.open(home) as ledger:
        ledger.set_meta(f"traces_{place}", "none")
