"""SQL as a source: exact numbers, real dates, one snapshot, errors that tell the query and not the password."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.errors import InputError
from assets.finance.connectors import sql
from assets.finance.connectors.loads import newest, root_of
from assets.finance.deliveries import deliveries
from assets.home import Home
from support.connected import connected, landed, rows
from support.postgres import PASSWORD, postgres
from support.traces import places

PG = "    accounts: {kind: sql, url_key: BILLING_URL, query: 'SELECT * FROM accounts'}\n"


def source(table: str, query: str, key: str = "BILLING_URL") -> str:
    lines = "\n".join(f"        {line}" for line in query.splitlines())
    return f"    {table}:\n      kind: sql\n      url_key: {key}\n      query: |\n{lines}\n"


def error_of(root: Path, sources: str, url: str) -> InputError:
    connected(root, sources, {"BILLING_URL": url})
    with pytest.raises(InputError) as caught:
        landed(root)
    assert not deliveries(Home(root / "home"))
    return caught.value


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    path = tmp_path / "billing.db"
    con = sqlite3.connect(path)
    con.execute(
        "CREATE TABLE accounts (account_id INTEGER, account_name TEXT, created_date TEXT, is_internal_test INT)"
    )
    con.execute("INSERT INTO accounts VALUES (1, 'Ünal, \"A\"', '2024-02-29', 1), (2, '', NULL, 0)")
    con.execute("UPDATE accounts SET account_name = 'B' WHERE account_id = 2")
    con.commit()
    yield con, f"sqlite:///{path}"
    con.close()


def test_any_dialect_will_do(tmp_path: Path, database: tuple[sqlite3.Connection, str]) -> None:
    _, url = database
    month = "SELECT '2024-01-01' AS month, 1 AS account_id, 'A' AS product_line, 'USD' AS currency, 12.1 AS arr"
    connected(tmp_path, source("accounts", "SELECT * FROM accounts") + source("arr_month", month), {"BILLING_URL": url})
    delivery = landed(tmp_path)
    assert rows(delivery, "accounts", "account_id, account_name, created_date, is_internal_test") == [
        ("1", 'Ünal, "A"', date(2024, 2, 29), True), ("2", "B", None, False),
    ]  # fmt: skip
    assert rows(delivery, "arr_month", "arr") == [(Decimal("12.1"),)]
    assert landed(tmp_path, on="2024-07-01") == delivery, "the same rows are no new delivery"


def test_nothing_can_be_written(tmp_path: Path, database: tuple[sqlite3.Connection, str]) -> None:
    con, url = database
    error = error_of(tmp_path, source("accounts", "DELETE FROM accounts RETURNING account_id, account_name"), url)
    assert "readonly" in error.what
    assert con.execute("SELECT count(*) FROM accounts").fetchone() == (2,)


@pytest.mark.parametrize(
    ("query", "what", "where"),
    [
        ("SELECT account_id, acount_name FROM accounts", "no such column: acount_name", "accounts.query"),
        ("SELECT account_id, account_name AS nam FROM accounts", "unknown column 'nam'", "accounts.query"),
        ("SELECT account_id FROM accounts", "missing column account_name", "finance.sources.accounts.query"),
        ("SAVEPOINT here", "answers no rows", "finance.sources.accounts.query"),
        ("SELECT 1.5 AS account_id, 'A' AS account_name", "row 1 of the answer holds a value of type float, not a text",
         "column account_id"),
        ("SELECT 1 AS account_id, 'A' AS account_name, '03/04/2024' AS created_date", "'03/04/2024', not a date",
         "column created_date"),
        ("SELECT 1 AS account_id, 'A' AS account_name, 2 AS is_internal_test", "not true or false",
         "column is_internal_test"),
    ],
)  # fmt: skip
def test_a_query_that_does_not_fit_is_named(
    tmp_path: Path, database: tuple[sqlite3.Connection, str], query: str, what: str, where: str
) -> None:
    error = error_of(tmp_path, source("accounts", query), database[1])
    assert what in error.what and where in error.where
    assert newest(root_of(Home(tmp_path / "home"), "sql_BILLING_URL")) is None


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("not a url", "the value is not a database URL"),
        ("nodb://u:secretword@h/d", "SQLAlchemy knows no database 'nodb'"),
        ("postgresql+psycopg://u:secretword@127.0.0.1:1/d", "the database cannot be reached"),
        ("mysql+pymysql://u:secretword@127.0.0.1:1/d", "the package pymysql"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_its_password(tmp_path: Path, url: str, what: str) -> None:
    error = error_of(tmp_path, PG, url)
    assert what in error.what and "secretword" not in str(error) and "not a url" not in str(error)


def test_a_url_in_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    sources = PG.replace("BILLING_URL", "postgresql://u:secretword@h/d")
    connected(tmp_path, sources)
    with pytest.raises(InputError) as caught:
        landed(tmp_path)
    assert "not the name of a key in .env" in caught.value.what and "secretword" not in str(caught.value)


def _fill(url: str, count: int) -> Any:
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.begin() as con:
        for statement in (
            "CREATE TABLE accounts (account_id uuid, account_name text, created_date date, seen timestamptz)",
            "CREATE TABLE items (item_id bigint, account_id uuid, since date, amount numeric, seats int, parts float8)",
            "INSERT INTO accounts SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'Account ' || n,"
            f" date '2024-01-01' + n % 300, now() FROM generate_series(1, {count}) n",
            "INSERT INTO items SELECT n, account_id, date '2024-01-01', 99999999999999.9999 - n, n % 7 + 1, 0.1 FROM"
            " (SELECT account_id, row_number() OVER (ORDER BY account_id) n FROM accounts) a",
            "CREATE ROLE reader LOGIN PASSWORD 'reader-password'",
            "GRANT SELECT ON accounts TO reader",
            "CREATE SEQUENCE counter",
        ):
            con.execute(text(statement))
    return engine


ITEM_QUERY = """SELECT 'i-' || item_id AS item_id, 's-' || item_id AS subscription_id, account_id, 'p1' AS product_id,
       'active' AS status, since AS effective_from, 'USD' AS currency, seats AS quantity,
       amount AS unit_amount, 'year' AS "interval", 100 % 7 AS interval_count
FROM items -- 100 % of them; a colon :here is none of a parameter
"""
ACCOUNTS = "SELECT account_id, account_name, created_date FROM accounts"
PRODUCT = "SELECT 'p1' AS product_id, 'P' AS product_name, 'Line' AS product_line"


@pytest.mark.timeout(120)
def test_postgresql_to_the_last_digit_in_one_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres() as url:
        engine = _fill(url, 12_000)
        sources = source("accounts", ACCOUNTS) + source("products", PRODUCT) + source("subscription_items", ITEM_QUERY)
        connected(tmp_path, sources, {"BILLING_URL": url})
        read = sql._extract

        def change_meanwhile(writer: Any, connection: Any, table: Any, *rest: Any) -> None:
            read(writer, connection, table, *rest)
            if table.name == "accounts":
                with engine.begin() as con:
                    con.exec_driver_sql("UPDATE items SET amount = 1")
                    con.exec_driver_sql("DELETE FROM items WHERE item_id > 10")

        monkeypatch.setattr(sql, "_extract", change_meanwhile)
        delivery = landed(tmp_path)
        monkeypatch.setattr(sql, "_extract", read)
        assert delivery.tables == {"accounts": 12_000, "products": 1, "subscription_items": 12_000}
        facts = "sum(unit_amount), min(unit_amount), max(effective_from), sum(quantity), max(interval_count)"
        amount = Decimal("99999999999999.9999")
        total = sum((amount - n for n in range(1, 12_001)), Decimal(0))
        assert rows(delivery, "subscription_items", facts) == [
            (total, amount - 12_000, date(2024, 1, 1), Decimal(sum(n % 7 + 1 for n in range(1, 12_001))), 2)
        ]
        kept = newest(root_of(Home(tmp_path / "home"), "sql_BILLING_URL"))
        assert kept is not None
        query = "SELECT typeof(unit_amount), typeof(effective_from) FROM read_parquet(?) LIMIT 1"
        types = duckdb.execute(query, [str(kept.path("subscription_items"))]).fetchall()
        assert types == [("DECIMAL(38,12)", "DATE")]
        assert places(tmp_path / "home", PASSWORD) == [] and places(tmp_path / "home", url) == []

        host, reader = url.rpartition("@")[2], "postgresql+psycopg://reader"
        for query, user, what in (
            (ACCOUNTS, f"{reader}:wrong-password@{host}", "password authentication failed"),
            ("SELECT * FROM items", f"{reader}:reader-password@{host}", "permission denied for table items"),
            ("SELECT account_idd FROM accounts", url, '"account_idd" does not exist\nLINE 1: SELECT account_idd'),
            ("SELECT account_id, account_name, seen AS created_date FROM accounts", url, "a point in time"),
            ("SELECT 'a' AS account_id, 'b' AS account_name; DROP TABLE accounts", url, "multiple commands"),
            ("SELECT nextval('counter') AS account_id, 'b' AS account_name", url, "read-only transaction"),
        ):  # fmt: skip
            error = error_of(tmp_path / "bad", source("accounts", query), user)
            assert what in error.what, error.what
            assert "password@" not in str(error) and PASSWORD not in str(error)
        engine.dispose()
