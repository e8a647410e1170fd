"""Bad finance files: format errors stop the landing before anything is written, broken rows are quarantined with
their reason, too many of them stop it; the mended file lands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.errors import InputError
from assets.finance.landing import land
from assets.home import Home
from support.company_folder import (
    ITEMS,
    PRODUCTS,
    SETTINGS,
    accounts,
    deliver,
    item,
    items,
    make_company,
    reasons,
    replayed,
)

ARR = "month,account_id,product_line,currency,arr\n"
SEGMENTS = "account_id,dimension,value,valid_from,valid_to\n"
LENIENT = SETTINGS + "finance: {max_quarantine_share: 0.9}\n"


def error_of(tmp_path: Path, finance: Mapping[str, str | bytes], company_yaml: str = SETTINGS) -> InputError:
    with pytest.raises(InputError) as caught:
        deliver(tmp_path, finance, company_yaml=company_yaml)
    error = caught.value
    assert error.what and error.where and error.mend
    assert not (tmp_path / "home").exists()  # nothing was written
    return error


@pytest.mark.parametrize(
    ("cells", "line", "where", "mend"),
    [
        ("03/31/2024,acct-1,A,USD,1", "row 2, column month: '03/31/2024' is not", "column month", "YYYY-MM-DD"),
        ("2024-03-31,acct-1,A,USD,1", "'2024-03-31' is not the first day of a month", "column month", "YYYY-MM-01"),
        ("2024-13-01,acct-1,A,USD,1", "'2024-13-01' is not the first day of a month", "column month", "YYYY-MM-01"),
        (
            '2024-03-01,acct-1,A,USD,"1,234.50"',
            "column arr: '1,234.50' is not a plain decimal number",
            "column arr",
            "thousands separators",
        ),
        (
            "2024-03-01,acct-1,A,USD,1'234",
            'column arr: "1\'234" is not a plain decimal',
            "column arr",
            "thousands separators",
        ),
        ("2024-03-01,acct-1,A,USD,$5", "column arr: '$5' is not a plain decimal", "column arr", "no currency sign"),
        ("2024-03-01,acct-1,A,USD,1.23456", "with at most 4 decimals", "column arr", "1234.50"),
        ("2024-03-01,acct-1,A,USD,1e5", "column arr: '1e5'", "column arr", "no exponent"),
        (
            "2024-03-01,acct-1,A,USDT,5",
            "'USDT' is not an ISO 4217 currency code (did you mean USD?)",
            "column currency",
            "ISO 4217",
        ),
        (
            "2024-03-01,acct-1,A,usd,5",
            "'usd' is not an ISO 4217 currency code (did you mean USD?)",
            "column currency",
            "ISO 4217",
        ),
    ],
)
def test_cells_that_could_be_misread(tmp_path: Path, cells: str, line: str, where: str, mend: str) -> None:
    error = error_of(tmp_path, {"arr_month.csv": f"{ARR}{cells}\n"})
    assert line in error.what
    assert error.where.startswith("finance/arr_month.csv, row 2") and where in error.where
    assert mend in error.mend


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ({"status": "Active"}, "column status: 'Active' is not a known status (did you mean active?)"),
        ({"interval": "monthly"}, "column interval: 'monthly' is not a known interval (did you mean month?)"),
        ({"version_no": "1.0"}, "column version_no: '1.0' is not a whole number"),
        ({"quantity": "1.000,5"}, "row 2 has 13 cells, the header 12"),
        ({"effective_from": "2024-01-01 00:00:00"}, "is not a date YYYY-MM-DD"),
        ({"effective_from": "1824-01-01"}, "'1824-01-01' is not a date YYYY-MM-DD"),
    ],
)
def test_items_that_could_be_misread(tmp_path: Path, cell: dict[str, Any], line: str) -> None:
    error = error_of(tmp_path, {"products.csv": PRODUCTS, "subscription_items.csv": items(item(1, **cell))})
    assert line in error.what and error.where.startswith("finance/subscription_items.csv, row 2")


def test_up_to_ten_cells_are_named_in_row_order_and_the_rest_counted(tmp_path: Path) -> None:
    rows = "".join(f"2024-03-01,acct-1,A{n},USD,{'1' if n % 2 else 'x'}\n" for n in range(30))
    error = error_of(tmp_path, {"arr_month.csv": ARR + rows})
    lines = error.what.splitlines()
    assert lines[0] == "15 cells of arr_month cannot be read:" and len(lines) == 12
    assert lines[1].startswith("  - row 2, column arr") and lines[-1] == "  - … and 5 more"


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("month,acount_id,currency,arr\n", "unknown column 'acount_id' (did you mean account_id?)", "row 1"),
        ("month,account_id,product_line,currency\n", "missing column arr", "row 1"),
        (f"{ARR.strip()},arr\n", "column arr is there 2 times", "row 1"),
        (f"{ARR.strip()},note\n", "unknown column 'note'", "row 1"),
        (ARR.replace(",", ";"), "unknown column 'month;account_id", "row 1"),
        ("", "no header", "row 1"),
        (f"{ARR}2024-03-01,acct-1,A,USD\n", "row 2 has 4 cells, the header 5", "row 2"),
        (f'{ARR}2024-03-01,acct-1,"A,USD,1\n', "a quoted cell is never closed", "row 2"),
        (f"{ARR}2024-03-01,acct-1,A\x00,USD,1\n", "NUL byte", "row 2"),
        (f"{ARR}\n2024-03-01,acct-1,Caf\xe9,USD,1\n".encode("latin-1"), "not UTF-8: byte 0xe9 at offset 65", "row 3"),
        (ARR.encode("utf-16"), "UTF-16, not UTF-8", "arr_month.csv"),
    ],
)  # fmt: skip
def test_files_that_are_no_table(tmp_path: Path, content: str | bytes, what: str, where: str) -> None:
    error = error_of(tmp_path, {"arr_month.csv": content})
    assert what in error.what and error.where.startswith("finance/arr_month.csv") and where in error.where


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    error = error_of(tmp_path, {"arr_month.parquet": b"PAR1 cut short"})
    assert "not readable as Parquet" in error.what and error.where == "finance/arr_month.parquet"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT 'acct-1' AS account_id, 1.5::DOUBLE AS account_name", "DOUBLE cannot be read as text"),
        ("SELECT 'acct-1' AS account_id, [1] AS account_name", "INTEGER[] cannot be read as text"),
        (
            "SELECT 'a' AS account_id, 'A' AS account_name, TIMESTAMP '2024-01-01 10:00' AS created_date",
            "row 1, column created_date",
        ),
    ],
)
def test_parquet_types_that_could_be_misread(tmp_path: Path, sql: str, what: str) -> None:
    path = tmp_path / "accounts.parquet"
    duckdb.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    (tmp_path / "company" / "finance").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        company = make_company(tmp_path, {"accounts.parquet": path.read_bytes()})
        (company.finance_folder / "accounts.csv").unlink()
        land(Home(tmp_path / "home"), company)
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("finance", "what", "mend"),
    [
        ({"arr_month.csv": ARR, "arr_month.parquet": b""}, "arr_month.csv and arr_month.parquet", "keep one"),
        ({"subscription_item.csv": ITEMS}, "(did you mean subscription_items.csv?)", "name it"),
        ({"budget.csv": "a\n"}, "budget.csv is no table of the finance contract", "move it elsewhere"),
        ({"accounts.xlsx": b"PK"}, "accounts.xlsx is no table of the finance contract", "name it"),
        ({"accounts.csv": "account_id,account_name\n"}, "accounts has no rows", "one row per account"),
        ({"subscription_items.csv": items(item(1))}, "needs the table products", "add products.csv"),
        (
            {"subscription_items.csv": items(item(1)), "arr_month.csv": f"{ARR}2024-01-01,acct-1,A,USD,1\n"},
            "both arr_month and subscription_items", "keep subscription_items",
        ),
    ],
)  # fmt: skip
def test_sets_of_files_that_do_not_go_together(
    tmp_path: Path, finance: dict[str, str | bytes], what: str, mend: str
) -> None:
    error = error_of(tmp_path, finance)
    assert what in error.what and mend in error.mend


def test_no_accounts_and_no_folder(tmp_path: Path) -> None:
    company = make_company(tmp_path)
    (company.finance_folder / "accounts.csv").unlink()
    with pytest.raises(InputError, match="the table accounts is missing"):
        land(Home(tmp_path / "home"), company)
    company.finance_folder.rmdir()
    with pytest.raises(InputError, match="the finance folder does not exist"):
        land(Home(tmp_path / "home"), company)


def test_sources_that_cannot_be_are_refused_by_name(tmp_path: Path) -> None:
    error = error_of(tmp_path, {"gl_revenue.csv": ""}, SETTINGS + "finance: {sources: {gl_revenue: stripe}}\n")
    assert "Stripe has nothing for the table gl_revenue" in error.what
    assert error.where == "company.yaml, key finance.sources.gl_revenue"
    error = error_of(tmp_path, {}, SETTINGS + "finance: {sources: {accounts: stripe}}\n")
    assert "the table accounts comes from stripe, and there is a file with rows of it" in error.what
    error = error_of(tmp_path, {}, SETTINGS + "finance: {sources: {accounts: {kind: sqll, query: x}}}\n")
    assert "'sqll' is no known kind (did you mean sql?)" in error.what
    error = error_of(tmp_path, {}, SETTINGS + "finance: {sources: {acounts: file}}\n")
    assert "did you mean accounts?" in error.what


def test_an_amplitude_value_of_two_accounts_at_once(tmp_path: Path) -> None:
    header = "account_id,amplitude_value,valid_from,valid_to\n"
    error = error_of(tmp_path, {"identity_map.csv": f"{header}acct-1,org-9,,2024-03-01\nacct-2,org-9,2024-02-01,\n"})
    assert "'org-9': account acct-1 (row 2) and account acct-2 (row 3)" in error.what
    assert error.where == "finance/identity_map.csv, rows 2 and 3, column amplitude_value"
    deliver(tmp_path, {"identity_map.csv": f"{header}acct-1,org-9,,2024-02-01\nacct-2,org-9,2024-02-01,\n"})


FX = "rate_date,from_currency,to_currency,rate,rate_type\n2024-01-31,EUR,USD,1.1,month_end\n"
FULL = {"products.csv": PRODUCTS, "subscription_items.csv": items(item(1), item(2), item(3))}
DISCOUNTS = "discount_id,item_id,kind,value,duration,starts_on\nd1,item-1,percent,10,forever,2024-01-01\n"
SIZES = SEGMENTS + "acct-1,size,S,2024-01-01,\n"
TOTALS = "month,metric,value\n2024-01-01,arr,5\n"
ENTITLED = "account_id,feature_key,valid_from\nacct-1,reports,2024-01-01\n"
BUNDLES = "bundle_product_id,product_line,share,valid_from\np1,A,0.5,2024-01-01\n"
CHILDREN = "account_id,account_name,parent_account_id\nacct-1,A,\nacct-2,B,\nacct-3,C,\n"
TWO_VERSIONS = items(item(1, effective_to="2024-03-01"), item(2), item(1, version_no=2, effective_from="2024-02-01"))
WITH_TWIN = items(item(1), item(2), item(1, unit_amount=9))


def third(**cells: Any) -> str:
    """Two good items and a third with these cells."""
    return items(item(1), item(2), item(3, **cells))


@pytest.mark.parametrize(
    ("table", "content", "row", "reason", "detail"),
    [
        ("accounts", accounts() + ",Nobody\n", "7", "missing_key", "empty: account_id"),
        ("accounts", accounts() + "acct-9,\n", "7", "missing_value", "empty: account_name"),
        ("accounts", accounts() + "acct-2,Twin\n", "7", "duplicate_key", "same account_id as row 3"),
        ("accounts", CHILDREN + "acct-4,D,acct-4\n", "5", "parent_cycle", "acct-4"),
        ("subscription_items", third(account=77), "4", "unknown_account", "'acct-77' is not in accounts"),
        ("subscription_items", third(product_id="p9"), "4", "unknown_product", "'p9' is not in products"),
        ("subscription_items", third(effective_to="2023-12-31"), "4", "negative_interval", "2023-12-31 is not after"),
        ("subscription_items", third(effective_to="2024-01-01"), "4", "empty_interval", "2024-01-01 is not after"),
        ("subscription_items", third(quantity=-1), "4", "negative_value", "column quantity: -1"),
        ("subscription_items", WITH_TWIN, "2|4", "duplicate_key", "same item_id × version_no as row"),
        ("subscription_items", TWO_VERSIONS, "4", "overlap", "of row 2"),
        ("subscription_items", third(interval="term"), "4", "missing_value", "interval term needs"),
        ("subscription_items", third(currency="CHF"), "4", "unmapped_currency", "no rate from CHF to USD"),
        ("account_segments", SIZES + "acct-1,size,M,2024-02-01,\n", "3", "overlap", "of row 2"),
        ("account_segments", SIZES + "acct-9,size,M,2024-02-01,\n", "3", "unknown_account", "acct-9"),
        ("identity_map", "account_id,amplitude_value\nacct-1,o\nacct-1,o\n", "3", "overlap", "of row 2"),
        ("fx_rates", FX + "2024-02-29,EUR,USD,0,month_end\n", "3", "not_positive", "column rate"),
        ("discounts", DISCOUNTS + "d2,item-1,percent,101,forever,2024-01-01\n", "3", "out_of_range", "101"),
        ("discounts", DISCOUNTS + "d2,,percent,1,forever,2024-01-01\n", "3", "missing_key", "neither item_id"),
        ("discounts", DISCOUNTS + "d2,item-8,percent,1,forever,2024-01-01\n", "3", "unknown_item", "item-8"),
        ("entitlements", ENTITLED + "acct-1,reprots,2024-01-01\n", "3", "unknown_feature", "'reprots' is not in"),
        ("entitlements", ENTITLED + "acct-1,,2024-01-01\n", "3", "missing_key", "neither product_line"),
        ("control_totals", TOTALS + "2024-01-01,arr,5\n", "3", "duplicate_key", "as row 2"),
    ],
)  # fmt: skip
def test_rows_that_break_the_contract_are_quarantined(
    tmp_path: Path, table: str, content: str, row: str, reason: str, detail: str
) -> None:
    delivery = deliver(tmp_path, {**FULL, f"{table}.csv": content}, company_yaml=SETTINGS)
    found = reasons(delivery)
    assert len(found) == 1 and delivery.quarantined == {table: 1}
    (found_table, found_row), found_reason = found.popitem()
    assert (found_table, found_reason) == (table, reason) and found_row in row.split("|")
    (kept,) = replayed(tmp_path, "SELECT source, table_name, reason, detail, raw_row FROM quality.quarantine")
    assert kept[:3] == ("finance", table, reason) and detail in kept[3] and kept[4].startswith("{")
    rows_in = content.strip().count("\n")
    assert replayed(tmp_path, f"SELECT count(*) FROM raw.{table}") == [(rows_in - 1,)]  # counted, never dropped


@pytest.mark.parametrize(
    ("table", "rows", "reason"),
    [
        ("control_totals", TOTALS + "2024-01-01,arr,6\n2024-02-01,arr,6\n", "conflicting_total"),
        ("bundle_allocation", BUNDLES + "p1,B,0.4,2024-01-01\np2,A,1,2024-01-01\n", "shares_not_one"),
    ],
)  # fmt: skip
def test_rows_that_only_together_are_wrong_go_together(tmp_path: Path, table: str, rows: str, reason: str) -> None:
    delivery = deliver(tmp_path, {**FULL, f"{table}.csv": rows}, company_yaml=LENIENT)
    assert reasons(delivery) == {(table, "2"): reason, (table, "3"): reason}
    assert delivery.tables[table] == 1


def test_past_the_share_the_landing_fails_with_reasons_and_first_rows(tmp_path: Path) -> None:
    rows = [f"2024-01-01,acct-1,line-{n},USD,1" for n in range(100)]
    rows[10] = "2024-01-01,acct-9,line,USD,1"
    arr = ARR + "\n".join(rows) + "\n"
    assert deliver(tmp_path / "one", {"arr_month.csv": arr}).quarantined == {"arr_month": 1}
    rows[20] = "2024-01-01,acct-8,line,USD,1"
    rows[30] = "2024-01-01,acct-1,line,USD,-1"
    error = error_of(tmp_path / "three", {"arr_month.csv": ARR + "\n".join(rows) + "\n"})
    assert "3 of 100 rows of arr_month break the contract (2 unknown_account, 1 negative_value); 1 may be" in error.what
    assert "row 12: unknown_account: column account_id: 'acct-9' is not in accounts" in error.what
    assert error.where == "finance/arr_month.csv" and "max_quarantine_share" in error.mend


def test_a_share_of_zero_allows_no_row_and_no_table_goes_empty_by_quarantine(tmp_path: Path) -> None:
    bad = {"arr_month.csv": f"{ARR}2024-01-01,acct-1,A,USD,1\n2024-01-01,acct-9,A,USD,1\n"}
    error = error_of(tmp_path / "strict", bad, SETTINGS + "finance: {max_quarantine_share: 0}\n")
    assert "1 of 2 rows" in error.what and "0 may be quarantined" in error.what
    only = {"arr_month.csv": f"{ARR}2024-01-01,acct-9,A,USD,1\n"}
    assert "1 of 1 rows" in error_of(tmp_path / "only", only).what


def test_a_money_table_that_comes_in_empty_does_not_end_every_customer(tmp_path: Path) -> None:
    arr = f"{ARR}2024-01-01,acct-1,A,USD,1\n"
    deliver(tmp_path, {"arr_month.csv": arr})
    for empty in ({"arr_month.csv": ARR}, {}):
        with pytest.raises(InputError, match="the last delivery had 1 rows of arr_month"):
            deliver(tmp_path, empty)
    assert deliver(tmp_path, {"arr_month.csv": arr}).number == 1


def test_after_a_bad_delivery_the_mended_one_lands_and_the_former_one_stays(tmp_path: Path) -> None:
    first = deliver(tmp_path, {"arr_month.csv": f"{ARR}2024-01-01,acct-1,A,USD,1\n"})
    with pytest.raises(InputError):
        deliver(tmp_path, {"arr_month.csv": f"{ARR}2024-01-01,acct-1,A,USD,1.000,00\n"})
    assert replayed(tmp_path, "SELECT delivery_number FROM raw.finance_state") == [(first.number,)]
    assert deliver(tmp_path, {"arr_month.csv": f"{ARR}2024-01-01,acct-1,A,USD,2\n"}).number == 2
