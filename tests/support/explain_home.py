"""Homes of companies whose money marts are built and published, without a refresh: for reading releases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.home import Home
from assets.serving.manifest import Release, ReleaseMeta
from assets.serving.release import publish
from assets.warehouse import write
from support.money_companies import company
from support.release_home import Judged

RUN = "run-1"
_published: dict[tuple[Path, str], tuple[Home, Release]] = {}


def published(factory: pytest.TempPathFactory, name: str) -> tuple[Home, Release]:
    """The home of a company of ``money_companies`` with a release of its money marts, made once a session."""
    key = factory.getbasetemp(), name
    if key not in _published:
        query = company(factory, name)
        home = Home(Path(query("SELECT path FROM duckdb_databases() WHERE database_name = 'warehouse'")[0][0]).parent)
        _published[key] = home, publish_money(home)
    return _published[key]


def publish_money(home: Home) -> Release:
    """Publish every mart of the warehouse as the money group of one release."""
    with write(home.warehouse) as con:
        con.execute("CREATE OR REPLACE TABLE raw.refresh AS SELECT ? AS run_id", [RUN])
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'").fetchall()
        as_of = con.execute("SELECT as_of FROM raw.finance_state").fetchall()[0][0]
    marts = {"money": tuple(sorted(name for (name,) in names))}
    meta = ReleaseMeta(
        as_of={"money": as_of}, run_id=RUN, fingerprint="f", contract_version="1.0", company="Examples",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip
    return publish(home, marts, [Judged("judged", "money", status="pass")], meta)
