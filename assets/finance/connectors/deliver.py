"""From configured sources to delivered files: ask, keep the answer, map it to the contract.

The rest of the landing sees files, wherever they come from: the same reading, rules, quarantine, hashing and replay.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.company.finance_sources import MongoSource, SalesforceSource, SignedDates, SqlSource, StripeSource
from assets.company.model import Company
from assets.company.secrets import find_secrets, need_secrets
from assets.company.wording import did_you_mean, shown_value
from assets.errors import InputError
from assets.finance.connectors import (
    mongodb,
    salesforce,
    salesforce_mapping,
    sql,
    stripe,
    stripe_history,
    stripe_mapping,
)
from assets.finance.connectors.extra import extra_error, missing
from assets.finance.connectors.loads import Load, Writer, newest, root_of
from assets.finance.connectors.mapped import Row, write_rows
from assets.finance.contract import BY_NAME, TABLES
from assets.finance.files import SourceFile
from assets.home import Home


@dataclass(frozen=True)
class Group:
    """The tables that one system is asked for in one go. ``key``: the key of .env that says where it is."""

    kind: str
    key: str
    tables: Mapping[str, Any] = field(default_factory=dict)
    signed: SignedDates | None = None

    @property
    def name(self) -> str:
        """Of its folder in the lake."""
        return self.kind if self.kind in ("stripe", "salesforce") else f"{self.kind}_{self.key}"


@dataclass(frozen=True)
class Delivered:
    """Mapped tables as files, and when items were signed (key, signed_date) where another system says so."""

    files: tuple[SourceFile, ...] = ()
    signed: SourceFile | None = None
    signed_matches: str = ""


def groups(company: Company) -> list[Group]:
    """What must be asked, by system. Raises InputError for unknown tables and for sources that do not have a table."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for table, source in company.finance.sources.items():
        if table not in BY_NAME:
            raise InputError(
                f"finance.sources names an unknown table {shown_value(table)}{did_you_mean(table, BY_NAME)}",
                where=f"company.yaml, key finance.sources.{table}",
                mend=f"the tables are: {', '.join(BY_NAME)}",
            )
        if source.kind != "file":
            found.setdefault((source.kind, source.url_key), {})[table] = source
    signed = company.finance.signed_dates
    if signed is not None:
        found.setdefault(("salesforce", signed.url_key), {})
    made = [
        Group(kind, key, tables, signed if signed and (kind, key) == (signed.kind, signed.url_key) else None)
        for (kind, key), tables in found.items()
    ]
    for group in made:
        if group.kind == "stripe":
            stripe.check_tables(group.tables)
            _one_account_id(group)
        if group.kind == "salesforce":
            salesforce.check_tables(group.tables)
            _one_account_id(group)
    return made


def _one_account_id(group: Group) -> None:
    ids = {source.account_id for source in group.tables.values()}
    if len(ids) > 1:
        raise InputError(
            f"the tables of {group.kind} name their accounts differently: {', '.join(sorted(ids))}",
            where="company.yaml, key finance.sources",
            mend=f"give all tables of {group.kind} the same account_id",
        )


def needed_secrets(company: Company, group: Group) -> tuple[str, ...]:
    """The keys of .env that a group cannot do without."""
    if group.kind == "salesforce":
        return (group.key, *salesforce.needed_keys(find_secrets(company.folder, salesforce.KEYS)))
    return (group.key,)


# What this process asked ahead, to find out whether anything is new: the landing that follows does not ask again.
_ahead: dict[tuple[Path, str], tuple[float, dict[str, Load]]] = {}
_AHEAD_SECONDS = 900


def ask(home: Home, company: Company, now: datetime | None = None) -> dict[str, Load]:
    """Ask every configured source and keep what is new; group name → the load that holds its answer.

    Raises InputError for what keeps a source from being read: then nothing of it is kept.
    """
    began, answers = _ahead.pop(_ahead_key(home, company), (0.0, {}))
    if answers and time.monotonic() - began < _AHEAD_SECONDS:
        return answers
    return {group.name: _asked(home, company, group, now or datetime.now(UTC)) for group in groups(company)}


def ask_ahead(home: Home, company: Company) -> None:
    """Ask now, so that ``token`` tells whether there is anything new; this process's next landing uses the answer."""
    answers = ask(home, company)
    _ahead[_ahead_key(home, company)] = time.monotonic(), answers


def _ahead_key(home: Home, company: Company) -> tuple[Path, str]:
    return home.root, company.finance.model_dump_json()


def _asked(home: Home, company: Company, group: Group, now: datetime) -> Load:
    absent = missing(group.kind)
    if absent:
        raise extra_error(group.kind, absent[0])
    names = needed_secrets(company, group)
    secrets = need_secrets(company.folder, names, f"the source {group.kind} of finance.sources needs it")
    address = secrets[group.key].get_secret_value()
    writer = Writer(root_of(home, group.name))
    try:
        if group.kind == "sql":
            sql.extract(writer, cast(Mapping[str, SqlSource], group.tables), address)
        elif group.kind == "mongodb":
            mongodb.extract(writer, cast(Mapping[str, MongoSource], group.tables), address)
        elif group.kind == "stripe":
            stripe.extract(writer, home, cast(Mapping[str, StripeSource], group.tables), address)
        else:
            more = find_secrets(company.folder, salesforce.KEYS)
            tables = cast(Mapping[str, SalesforceSource], group.tables)
            salesforce.extract(writer, home, tables, group.signed, address, more)
        return writer.keep(now)
    except BaseException:
        writer.discard()
        raise


def token(home: Home, company: Company) -> str:
    """What the newest kept answers are, as a part of a refresh's fingerprint: a hash, or nothing."""
    if not company.finance.asks_others:
        return ""
    newest_of = {group.name: newest(root_of(home, group.name)) for group in groups(company)}
    told = "|".join(f"{n}:{load.content_hash if load else 'never'}" for n, load in sorted(newest_of.items(), key=str))
    return hashlib.sha256(told.encode()).hexdigest()


@contextmanager
def delivered(home: Home, company: Company, asked: Mapping[str, Load]) -> Iterator[Delivered]:
    """The answers as files of the contract, for as long as the context lasts."""
    if not asked:
        yield Delivered()
        return
    zone = ZoneInfo(company.time_zone)
    with tempfile.TemporaryDirectory(prefix="lens-mapped-") as folder:
        files: list[SourceFile] = []
        signed = None
        for group in groups(company):
            load = asked[group.name]
            files += _mapped(home, group, load, zone, Path(folder))
            if group.signed is not None:
                signed = _signed(group.signed, load, Path(folder))
        order = [table.name for table in TABLES]
        files.sort(key=lambda file: order.index(file.table))
        matches = company.finance.signed_dates.matches if company.finance.signed_dates else ""
        yield Delivered(tuple(files), signed, matches)


def _mapped(home: Home, group: Group, load: Load, zone: ZoneInfo, folder: Path) -> Iterator[SourceFile]:
    if group.kind == "sql":  # the query is the mapping
        for table in group.tables:
            yield _file(table, load.path(table), f"sql query of {table}", None)
        return
    history = None
    if group.kind == "stripe" and "subscriptions" in load.objects:
        history = stripe_history.history_of(root_of(home, group.name), load, zone)
    for table, source in group.tables.items():
        rows: Iterator[Row]
        if group.kind == "mongodb":
            rows = mongodb.rows(load, table, source, zone)
        elif group.kind == "stripe":
            rows = stripe_mapping.MAPPINGS[table](load, cast(StripeSource, source), zone, cast(Any, history))
        else:
            rows = salesforce_mapping.MAPPINGS[table](load, cast(SalesforceSource, source), zone)
        path, aside = folder / f"{table}.parquet", folder / f"{table}.aside.parquet"
        count = write_rows(BY_NAME[table], rows, path, aside)
        yield _file(table, path, f"{group.kind}, mapped to {table}", aside if count else None)


def _signed(settings: SignedDates, load: Load, folder: Path) -> SourceFile:
    found = sorted(set(salesforce_mapping.signed_dates(load, settings)))
    path = folder / "signed_dates.parquet"
    table = {
        "key": pa.array([k for k, _ in found], pa.string()),
        "signed_date": pa.array([d for _, d in found], pa.date32()),
    }
    pq.write_table(pa.table(table), path)
    return _file("signed_dates", path, "salesforce, won opportunities", None)


def _file(table: str, path: Path, where: str, aside: Path | None) -> SourceFile:
    digest = hashlib.sha256()
    for part in (path, aside):
        digest.update(part.read_bytes() if part else b"")
    return SourceFile(table, path, where, path.stat().st_size, digest.hexdigest(), aside)


def sign(con: duckdb.DuckDBPyConnection, signed: SourceFile, matches: str) -> None:
    """Fill empty signed dates of the temp table subscription_items: the last win on or before the terms began, else the
    first one."""
    con.execute(
        f"""
        UPDATE subscription_items SET signed_date = wins.signed_on
        FROM (
            SELECT items.row_no, coalesce(
                max(wins.signed_date) FILTER (WHERE wins.signed_date <= items.effective_from), min(wins.signed_date)
            ) AS signed_on
            FROM subscription_items items JOIN read_parquet(?) wins ON wins.key = items.{matches}
            GROUP BY items.row_no
        ) wins
        WHERE subscription_items.row_no = wins.row_no AND subscription_items.signed_date IS NULL
        """,
        [str(signed.path)],
    )


def tables_of(group: Group) -> Sequence[str]:
    """What a group is asked for, in words."""
    return [*group.tables, *(["signed dates"] if group.signed else [])]
