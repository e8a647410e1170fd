"""Finance files → typed, rule-abiding temp tables plus what was quarantined. Nothing is written to disk here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import duckdb

from assets.company.model import Company
from assets.company.parse_table import parse
from assets.company.text_table import read_text
from assets.company.wording import listing
from assets.errors import InputError
from assets.finance.connectors.deliver import Delivered, sign
from assets.finance.contract import TABLES
from assets.finance.files import SourceFile
from assets.finance.overlaps import quarantine_overlaps
from assets.finance.rules import apply_rules

Mode = Literal["full", "minimum", "none"]


def read_tables(
    con: duckdb.DuckDBPyConnection, company: Company, sources: Sequence[SourceFile], remote: Delivered | None = None
) -> Mode:
    """Leave every contract table in ``con`` (row_no + typed columns; empty when not given) and the temp table
    quarantine(table_name, row_ref, reason, detail, raw_row). Raises InputError for cells, headers and sets of
    tables that cannot be read, and when too many rows break the contract."""
    rows: dict[str, int] = {}
    where = {source.table: source.where for source in sources}
    paths = {source.table: source.path for source in sources}
    for table in TABLES:
        if table.name in paths:
            text = read_text(con, table, paths[table.name], where[table.name])
            rows[table.name] = parse(con, table, text, where[table.name])
        else:
            columns = ", ".join(f'"{c.name}" {c.sql_type}' for c in table.columns)
            con.execute(f"CREATE OR REPLACE TEMP TABLE {table.name}(row_no BIGINT, {columns})")
    given = {name for name, count in rows.items() if count}
    mode = _mode(given, where)
    if remote is not None and remote.signed is not None:
        sign(con, remote.signed, remote.signed_matches)
    apply_rules(con, given, company.reporting_currency, {rule.feature_key for rule in company.features})
    quarantine_overlaps(con, where)
    _settle_quarantine(con, given, where)
    _add_set_aside(con, sources, rows)
    _raise_past_share(con, rows, where, company.finance.max_quarantine_share)
    return mode


def _mode(given: set[str], where: dict[str, str]) -> Mode:
    if "accounts" not in given:
        raise InputError(
            "the table accounts has no rows",
            where=where["accounts"],
            mend="fill in one row per account: account_id and account_name",
        )
    if {"arr_month", "subscription_items"} <= given:
        raise InputError(
            "both arr_month and subscription_items are given: they are two ways to say the same money",
            where=f"{where['arr_month']} and {where['subscription_items']}",
            mend="keep subscription_items (everything works) or arr_month (minimum mode), and remove the other file",
        )
    if "subscription_items" in given and "products" not in given:
        raise InputError(
            "subscription_items needs the table products: it says which product line an item counts for",
            where=where["subscription_items"],
            mend="add products.csv with product_id, product_name and product_line",
        )
    return "full" if "subscription_items" in given else "minimum" if "arr_month" in given else "none"


def _settle_quarantine(con: duckdb.DuckDBPyConnection, given: set[str], where: dict[str, str]) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine"
        "(table_name VARCHAR, row_ref VARCHAR, reason VARCHAR, detail VARCHAR, raw_row VARCHAR)"
    )
    for table in TABLES:
        if table.name in given:
            cells = ", ".join(f'"{c}" := "{c}"' for c in table.names)
            con.execute(
                "INSERT INTO quarantine "
                f"SELECT ?, ? || ' row ' || row_no, reason, detail, to_json(struct_pack({cells})) "
                f"FROM bad JOIN text_{table.name} USING (row_no) WHERE table_name = ? ORDER BY row_no",
                [table.name, where[table.name], table.name],
            )


def _add_set_aside(con: duckdb.DuckDBPyConnection, sources: Sequence[SourceFile], rows: dict[str, int]) -> None:
    """Rows that a mapping found no place for count like rows that break a rule."""
    for source in sources:
        if source.set_aside is not None:
            asides = "FROM read_parquet(?)"
            con.execute(
                f"INSERT INTO quarantine SELECT table_name, ? || ', ' || row_ref, reason, detail, raw_row {asides}",
                [source.where, str(source.set_aside)],
            )
            con.execute(f"INSERT INTO bad SELECT table_name, 0, reason, detail {asides}", [str(source.set_aside)])
            rows[source.table] += con.execute(f"SELECT count(*) {asides}", [str(source.set_aside)]).fetchall()[0][0]


def _raise_past_share(
    con: duckdb.DuckDBPyConnection, rows: dict[str, int], where: dict[str, str], max_share: float
) -> None:
    """One bad row never stops a landing (in 40 rows it is already 2.5 %) unless the share is set to 0;
    a table never goes empty by quarantine."""
    counts = con.execute("SELECT table_name, count(*) FROM bad GROUP BY table_name").fetchall()
    for name, bad in sorted(counts, key=lambda c: [t.name for t in TABLES].index(c[0])):
        allowed = min(max(1, int(max_share * rows[name])), rows[name] - 1) if max_share > 0 else 0
        if bad <= allowed:
            continue
        reasons = con.execute(
            "SELECT reason, count(*) FROM bad WHERE table_name = ? GROUP BY reason ORDER BY 2 DESC, 1", [name]
        ).fetchall()
        examples = con.execute(
            "SELECT row_no, reason, detail FROM bad WHERE table_name = ? ORDER BY row_no LIMIT 10", [name]
        ).fetchall()
        # Rows that a mapping has set aside have no number (0); their detail names the object.
        lines = [f"{f'row {row_no:,}: ' if row_no else ''}{reason}: {detail}" for row_no, reason, detail in examples]
        raise InputError(
            f"{bad:,} of {rows[name]:,} rows of {name} break the contract "
            f"({', '.join(f'{count:,} {reason}' for reason, count in reasons)}); {allowed:,} may be quarantined:\n"
            f"{listing(lines, bad)}",
            where=where[name],
            mend="correct these rows in the source and deliver again; "
            "finance.max_quarantine_share in company.yaml is the share that may be set aside",
        )
