"""Money is rounded by a double where it can decide: to the same cent as by exact decimals, half cents above all."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import jinja2

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros" / "exact_money.sql"


def rendered(call: str) -> str:
    """A macro call as SQL. Only macros that call each other; dbt adds `return`, which none of these needs."""
    source = re.sub(r"\{% macro money_measures.*?endmacro %\}", "", MACROS.read_text(encoding="utf-8"), flags=re.S)
    environment = jinja2.Environment()  # noqa: S701  # it writes SQL, not HTML
    return environment.from_string(source + "{{ " + call + " }}").render().strip()


def test_rounds_as_exact_decimals_do() -> None:
    con = duckdb.connect()
    # amounts from less than a cent to hundreds of billions; every fourth within 1e-9 of a half cent at rate one
    con.execute(
        """CREATE TABLE amounts AS
        SELECT (CASE WHEN hash(n, 'sign') % 2 = 0 THEN 1 ELSE -1 END) * CASE
                WHEN n % 4 = 0 THEN (hash(n) % pow(10, n % 11)::BIGINT)::HUGEINT * 10000000000 + 5000000000
                    + (hash(n, 'near') % 5)::HUGEINT * 250 - 500
                ELSE (hash(n) % 1000000000000000000)::HUGEINT * pow(10, n % 7)::BIGINT // pow(10, n % 13)::BIGINT
            END AS e12,
            CASE WHEN n % 3 = 0 THEN 1 ELSE (1 + hash(n, 'rate') % 99999999999) / 100000000 END::DECIMAL(18, 8) AS rate
        FROM range(200000) AS t(n)"""
    )
    quick, exact = rendered("e12_to_money('e12', 'rate')"), rendered("e12_to_money_exactly('e12', 'rate')")
    off = con.execute(
        f"SELECT e12, rate, {quick}, {exact} FROM amounts WHERE {quick} IS DISTINCT FROM {exact} LIMIT 5"
    ).fetchall()
    assert off == []
    nothing = rendered("e12_to_money('NULL::HUGEINT')")
    assert con.execute(f"SELECT {nothing}").fetchall() == [(None,)]


def test_shares_out_the_whole() -> None:
    con = duckdb.connect()
    third = rendered("share_e12('e12', 's', 'a')")
    rows = con.execute(
        f"SELECT {third} FROM (VALUES (100::HUGEINT, 1::BIGINT, 3::BIGINT), (-100, 1, 3), (50, 1, 100), (-50, 1, 100), "
        "(7, 3, 3), (7, NULL, NULL), (0, 1, 3)) AS t(e12, s, a)"
    ).fetchall()
    assert rows == [(33,), (-33,), (1,), (-1,), (7,), (7,), (0,)]
