"""Reading a table changes nothing: what went in comes out, in any order and either format."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.company.parse_table import parse
from assets.company.text_table import read_text
from assets.company.typed_table import Column, Table
from assets.finance.deliveries import content_hash
from assets.finance.files import find_files
from assets.finance.overlaps import quarantine_overlaps
from assets.finance.reading import read_tables
from support.company_folder import PRODUCTS, SETTINGS, accounts, item, items, make_company

TABLE = Table(
    "sample",
    (
        Column("label", required=True),
        Column("day", "date"),
        Column("month", "month"),
        Column("amount", "money"),
        Column("rate", "rate"),
        Column("number", "integer"),
        Column("flag", "boolean"),
    ),
)
# Any text that a UTF-8 file can hold; NUL is refused, and line ends inside a cell are those of the writer.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=20)
rows = st.tuples(
    texts,
    st.none() | st.dates(date(1900, 1, 1)),
    st.none() | st.dates(date(1900, 1, 1)).map(lambda day: day.replace(day=1)),
    st.none() | st.decimals(-(10**14) + 1, 10**14 - 1, places=4),
    st.none() | st.decimals(0, 10**10 - 1, places=8),
    st.none() | st.integers(-(10**9) + 1, 10**9 - 1),
    st.none() | st.booleans(),
)
relaxed = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        parse(con, TABLE, read_text(con, TABLE, path, path.name), path.name)
        return con.execute("SELECT * FROM sample ORDER BY row_no").fetchall()


@relaxed
@given(st.lists(rows, max_size=8), st.booleans(), st.booleans())
def test_csv_round_trip(table: list[tuple[Any, ...]], mark: bool, quoted: bool) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(TABLE.names)
    for row in table:
        writer.writerow(["" if cell is None else f"{cell:f}" if isinstance(cell, Decimal) else cell for cell in row])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.csv"
        path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.getvalue().encode("utf-8"))
        assert read(path) == [(number, *row) for number, row in enumerate(table, start=2)]


@relaxed
@given(st.lists(rows, min_size=1, max_size=8))
def test_parquet_round_trip(table: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder) / "sample.parquet"
        columns = ", ".join(f'"{c.name}" {c.sql_type}' for c in TABLE.columns)
        con.execute(f"CREATE TABLE sample({columns})")
        con.executemany(f"INSERT INTO sample VALUES ({', '.join('?' * len(TABLE.columns))})", table)
        con.execute(f"COPY sample TO '{path}' (FORMAT parquet)")
        assert read(path) == [(number, *row) for number, row in enumerate(table, start=1)]


def test_blank_lines_keep_the_row_numbers_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("label,number\na,1\n\n,\nb,2\n\n")
    assert [(row[0], row[1], row[6]) for row in read(path)] == [(2, "a", 1), (5, "b", 2)]


def test_a_last_line_without_an_end_and_old_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    for content in ("label,number\na,1", "label,number\r\na,1\r\n", "label,number\ra,1\r"):
        path.write_bytes(content.encode())
        assert [row[1] for row in read(path)] == ["a"]


def test_a_large_table_is_read_whole(tmp_path: Path) -> None:
    """Larger than any block the CSV reader works in."""
    company = make_company(tmp_path)
    (company.finance_folder / "accounts.csv").write_text(accounts(50))
    duckdb.execute(
        f"""COPY (SELECT 'inv-' || i AS invoice_id, '1' AS line_id, 'acct-' || (1 + i % 50) AS account_id,
            DATE '2024-01-01' + (i % 365)::INTEGER AS invoice_date, (i % 1000) / 4 AS amount, 'USD' AS currency,
            'charge' AS line_type, 'paid' AS invoice_status FROM range(200000) t(i))
            TO '{company.finance_folder / "invoice_lines.csv"}' (HEADER)"""
    )
    with duckdb.connect() as con:
        read_tables(con, company, find_files(company))
        assert con.execute("SELECT count(*), count(DISTINCT invoice_id) FROM invoice_lines").fetchall() == [
            (200000, 200000)
        ]


spans = st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 10), st.booleans())


@relaxed
@given(st.lists(spans, max_size=25))
def test_after_quarantine_no_two_segments_of_an_account_overlap_and_none_is_lost(
    table: list[tuple[int, int, int, bool]],
) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE bad(table_name VARCHAR, row_no BIGINT, reason VARCHAR, detail VARCHAR)")
        for name, columns in (
            (
                "account_segments",
                "account_id VARCHAR, dimension VARCHAR, value VARCHAR, valid_from DATE, valid_to DATE",
            ),
            ("subscription_items", "item_id VARCHAR, version_no INTEGER, effective_from DATE, effective_to DATE"),
            (
                "identity_map",
                "account_id VARCHAR, amplitude_value VARCHAR, valid_from DATE, valid_to DATE, method VARCHAR",
            ),
        ):
            con.execute(f"CREATE TABLE {name}(row_no BIGINT, {columns})")
        for number, (account, start, length, is_open) in enumerate(table):
            con.execute(
                "INSERT INTO account_segments SELECT ?, ?, 'size', ?, DATE '2024-01-01' + ?::INTEGER, "
                "CASE WHEN ? THEN NULL ELSE DATE '2024-01-01' + ?::INTEGER END",
                [number, f"a{account}", f"v{number}", start, is_open, start + length],
            )
        quarantine_overlaps(con, {})
        kept = con.execute(
            "SELECT row_no, account_id, valid_from, coalesce(valid_to, DATE '9999-12-31') FROM account_segments"
        ).fetchall()
        bad = con.execute("SELECT row_no, reason FROM bad").fetchall()
    assert sorted([row[0] for row in kept] + [row[0] for row in bad]) == list(range(len(table)))
    for row in kept:
        for other in kept:
            assert row[0] == other[0] or row[1] != other[1] or row[3] <= other[2] or other[3] <= row[2]
    spans_of = {n: (a, s, 10**6 if is_open else s + length) for n, (a, s, length, is_open) in enumerate(table)}
    for number, _ in bad:  # a quarantined row does overlap a kept one
        mine = spans_of[number]
        assert any(
            spans_of[k[0]][0] == mine[0] and spans_of[k[0]][1] < mine[2] and mine[1] < spans_of[k[0]][2] for k in kept
        )


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_the_content_hash(random: Any) -> None:
    """Not even with rows in quarantine: which of two rows stays depends on what they say."""
    lines = [item(n, quantity=n) for n in range(1, 5)] + [
        item(2, quantity=9),
        item(3, version_no=2),
        item(4, product_id="p9"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        hashes = set()
        for _ in range(2):
            random.shuffle(lines)
            company = make_company(
                Path(folder),
                {"products.csv": PRODUCTS, "subscription_items.csv": items(*lines)},
                company_yaml=SETTINGS + "finance: {max_quarantine_share: 0.9}\n",
            )
            with duckdb.connect() as con:
                read_tables(con, company, find_files(company))
                hashes.add(content_hash(con))
                assert con.execute("SELECT count(*) FROM quarantine").fetchall() == [(3,)]
        assert len(hashes) == 1
