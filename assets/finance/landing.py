"""Landing: finance files and answers of other systems → a validated delivery in the lake. The same content is never
landed twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import duckdb

from assets.company.model import Company
from assets.errors import InputError
from assets.finance.connectors.deliver import Delivered, ask, delivered, groups
from assets.finance.connectors.loads import Load
from assets.finance.contract import TABLES, VERSION
from assets.finance.deliveries import Delivery, content_hash, is_known, keep, newest, remember_sources
from assets.finance.files import SourceFile, find_files
from assets.finance.reading import Mode, read_tables
from assets.home import Home


def land(
    home: Home,
    company: Company,
    *,
    until: date | None = None,
    now: datetime | None = None,
    asked: Mapping[str, Load] | None = None,
) -> Delivery:
    """Validate the finance data and keep it as a new delivery, or return the newest one when nothing has changed.

    ``until`` is the date the delivery is said to speak for (else ``finance.as_of``, else the local date of landing);
    ``now`` (aware) stands in for the clock; ``asked``: what configured sources have just answered (else they are
    asked). Raises InputError before anything is written but the raw answers of sources.
    """
    groups(company)  # what is configured is looked at first: a file may be missing because a table's name is misspelt
    files = find_files(company)
    with delivered(home, company, ask(home, company, now) if asked is None else asked) as remote:
        return _land(home, company, _in_order(files, remote), remote, until, now)


def _in_order(files: tuple[SourceFile, ...], remote: Delivered) -> tuple[SourceFile, ...]:
    order = [table.name for table in TABLES]
    return tuple(sorted((*files, *remote.files), key=lambda file: order.index(file.table)))


def _land(
    home: Home,
    company: Company,
    sources: tuple[SourceFile, ...],
    remote: Delivered,
    until: date | None,
    now: datetime | None,
) -> Delivery:
    fingerprint = _fingerprint(company, (*sources, remote.signed) if remote.signed else sources)
    last = newest(home)
    if last is not None and is_known(home, last, fingerprint):
        return last
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        mode = read_tables(con, company, sources, remote)
        _raise_on_lost_money(mode, last, company)
        digest = content_hash(con)
        if last is not None and digest == last.content_hash:
            remember_sources(home, last, fingerprint)
            return last
        landed_on = (now or datetime.now(UTC)).astimezone(ZoneInfo(company.time_zone)).date()
        as_of = until or company.finance.as_of or landed_on
        number = last.number + 1 if last is not None else 1
        return keep(con, home, number, digest, landed_on, as_of, mode, fingerprint)


def _fingerprint(company: Company, sources: tuple[SourceFile, ...]) -> str:
    """What decides the outcome of a landing: the files' bytes, and the settings that the rules look at."""
    signed = company.finance.signed_dates
    facts = [
        VERSION,
        company.reporting_currency,
        company.finance.max_quarantine_share,
        sorted({rule.feature_key for rule in company.features}),
        [(source.table, source.path.suffix, source.bytes, source.sha256) for source in sources],
        *([signed.matches] if signed else []),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _raise_on_lost_money(mode: Mode, last: Delivery | None, company: Company) -> None:
    """A money table that comes in empty after it had rows is an export gone wrong, not the end of all customers."""
    if last is not None and mode == "none" and last.mode != "none":
        table = "subscription_items" if last.mode == "full" else "arr_month"
        raise InputError(
            f"the last delivery had {last.tables[table]:,} rows of {table}, this one has no money table with rows",
            where=str(company.finance_folder),
            mend=f"deliver {table} again (an empty or missing file would end every customer)",
        )
