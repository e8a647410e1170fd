"""Deliveries are kept once, whole and for ever; the raw tables replay them."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from assets.company.load import load_company
from assets.finance.contract import TABLES
from assets.finance.deliveries import deliveries
from assets.finance.landing import land
from assets.finance.raw import load_raw
from assets.home import Home
from assets.warehouse import write
from support.company_folder import (
    PRODUCTS,
    SETTINGS,
    accounts,
    complete_journey,
    deliver,
    item,
    items,
    make_company,
    replayed,
    summary,
)

ARR = "month,account_id,product_line,currency,arr\n2024-01-01,acct-1,A,USD,12.50\n2024-02-01,acct-2,B,USD,7\n"


def full(*rows: str, **more: str) -> dict[str, str]:
    return {"products.csv": PRODUCTS, "subscription_items.csv": items(*rows)} | {f"{k}.csv": v for k, v in more.items()}


def test_the_same_content_is_kept_once_however_it_is_written(tmp_path: Path) -> None:
    first = deliver(tmp_path, {"arr_month.csv": ARR}, on="2024-03-01")
    header, *rows = ARR.splitlines()
    for again in (
        ARR,
        ARR.replace("\n", "\r\n"),
        "\ufeff" + ARR,
        "\n".join([header, *reversed(rows)]),
        ARR.replace("12.50", "12.5000").replace(",A,", ',"A",') + "\n\n",
        ARR.replace(",arr\n", ",arr\n,,,,\n"),
    ):
        assert deliver(tmp_path, {"arr_month.csv": again}, on="2024-04-01") == first
    assert first.landed_on == date(2024, 3, 1) and len(deliveries(Home(tmp_path / "home"))) == 1


def test_a_change_is_a_new_delivery_and_so_is_a_return_to_what_was(tmp_path: Path) -> None:
    changed = ARR.replace("12.50", "12.51")
    numbers = [deliver(tmp_path, {"arr_month.csv": content}).number for content in (ARR, changed, changed, ARR)]
    assert numbers == [1, 2, 2, 3]
    one, two, three = deliveries(Home(tmp_path / "home"))
    assert one.content_hash == three.content_hash != two.content_hash
    assert one.table("arr_month") is not None and one.table("products") is None


def test_landed_on_is_the_local_date(tmp_path: Path) -> None:
    company = make_company(tmp_path, {"arr_month.csv": ARR}, company_yaml=SETTINGS + "time_zone: Asia/Tokyo\n")
    delivery = land(Home(tmp_path / "home"), company, now=datetime(2024, 3, 1, 20, tzinfo=UTC))
    assert delivery.landed_on == date(2024, 3, 2)


def test_files_known_to_hold_the_same_content_are_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, {"arr_month.csv": ARR})
    deliver(tmp_path, {"arr_month.csv": ARR + "\n"})

    def parsed(*_: object) -> None:
        raise AssertionError("the files were parsed again")

    monkeypatch.setattr("assets.finance.landing.read_tables", parsed)
    assert deliver(tmp_path, {"arr_month.csv": ARR + "\n"}).number == 1
    assert deliver(tmp_path, {"arr_month.csv": ARR}).number == 1


def test_a_killed_landing_leaves_nothing_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("assets.finance.deliveries.sync", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver(tmp_path, {"arr_month.csv": ARR})
    assert deliveries(home) == [] and list((home.finance_lake / "deliveries").iterdir())
    assert deliver(tmp_path, {"arr_month.csv": ARR}).number == 1
    assert [path.name[:4] for path in (home.finance_lake / "deliveries").iterdir()] == ["0001"]


def test_raw_tables_always_exist_with_the_columns_and_types_of_the_contract(tmp_path: Path) -> None:
    deliver(tmp_path, {})
    found = replayed(
        tmp_path, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'raw'"
    )
    for table in TABLES:
        types = {column: kind for name, column, kind in found if name == table.name}
        assert types == {c.name: c.sql_type for c in table.columns} | (
            {"vanished_on": "DATE"} if table.name == "subscription_items" else {}
        )
    state = replayed(
        tmp_path, "SELECT mode, as_of, delivery_number, has_invoices, has_identity_map FROM raw.finance_state"
    )
    assert state == [("none", None, 1, False, False)]


def test_defaults_are_applied_and_empty_cells_are_null(tmp_path: Path) -> None:
    deliver(tmp_path, full(item(1, version_no="")))
    assert replayed(
        tmp_path, "SELECT version_no, interval_count, pricing_model, effective_to FROM raw.subscription_items"
    ) == [(1, 1, "licensed", None)]
    assert replayed(tmp_path, "SELECT DISTINCT is_internal_test, crm_id FROM raw.accounts") == [(False, None)]
    assert replayed(tmp_path, "SELECT DISTINCT is_recurring FROM raw.products") == [(True,)]


def test_without_a_file_the_account_is_its_own_amplitude_value(tmp_path: Path) -> None:
    deliver(tmp_path, {"accounts.csv": accounts(2)})
    query = "SELECT * FROM raw.identity_map ORDER BY ALL"
    assert replayed(tmp_path, query) == [
        ("acct-1", "acct-1", None, None, "account_id"),
        ("acct-2", "acct-2", None, None, "account_id"),
    ]
    deliver(tmp_path, {"accounts.csv": accounts(2), "identity_map.csv": "account_id,amplitude_value\nacct-1,org\n"})
    assert replayed(tmp_path, query) == [("acct-1", "org", None, None, None)]


def test_csv_and_parquet_of_the_same_rows_are_the_same_delivery(tmp_path: Path) -> None:
    first = deliver(tmp_path, full(item(1), item(2)))
    source = tmp_path / "items.csv"
    source.write_text(items(item(1), item(2)))
    target = tmp_path / "items.parquet"
    duckdb.execute(
        f"COPY (SELECT * REPLACE (effective_from::TIMESTAMP AS effective_from, quantity::DOUBLE AS quantity) "
        f"FROM read_csv('{source}')) TO '{target}' (FORMAT parquet)"
    )
    again = deliver(tmp_path, {"products.csv": PRODUCTS, "subscription_items.parquet": target.read_bytes()})
    assert again == first


@pytest.mark.parametrize(
    ("settings", "until", "expected"),
    [
        ("", None, "2024-02-29"),
        ("", "2024-01-31", "2024-01-31"),
        ("", "2024-12-31", "2024-02-29"),
        ("finance: {as_of: 2024-01-31}\n", None, "2024-01-31"),
    ],
)
def test_in_minimum_mode_the_file_speaks_for_its_own_months(
    tmp_path: Path, settings: str, until: str | None, expected: str
) -> None:
    deliver(tmp_path, {"arr_month.csv": ARR}, company_yaml=SETTINGS + settings)
    found = summary(tmp_path, date.fromisoformat(until) if until else None)
    assert found.mode == "minimum" and found.as_of == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("settings", "until", "expected"),
    [
        ("", None, "2024-06-30"),
        ("finance: {as_of: 2024-05-31}\n", None, "2024-05-31"),
        ("finance: {as_of: 2024-05-31}\n", "2024-07-31", "2024-07-31"),
    ],
)
def test_in_full_mode_until_goes_before_as_of_before_the_day_of_landing(
    tmp_path: Path, settings: str, until: str | None, expected: str
) -> None:
    deliver(tmp_path, full(item(1)), on="2024-06-30", company_yaml=SETTINGS + settings)
    found = summary(tmp_path, date.fromisoformat(until) if until else None)
    assert found.mode == "full" and found.as_of == date.fromisoformat(expected)


VANISHED = "SELECT item_id, vanished_on FROM raw.subscription_items ORDER BY item_id, version_no"


def test_an_item_that_vanishes_ends_on_the_first_delivery_without_it(tmp_path: Path) -> None:
    deliver(tmp_path, full(item(1), item(2)), on="2024-03-01")
    deliver(tmp_path, full(item(1)), on="2024-04-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 4, 1))]
    deliver(tmp_path, full(item(1, quantity=5)), on="2024-05-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 4, 1))]
    deliver(tmp_path, full(item(1), item(2)), on="2024-06-01")  # it is back
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", None)]
    deliver(tmp_path, full(item(1)), on="2024-07-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 7, 1))]


def test_vanished_on_is_the_as_of_of_that_delivery(tmp_path: Path) -> None:
    deliver(tmp_path, full(item(1), item(2)), on="2024-03-01")
    deliver(tmp_path, full(item(1)), on="2024-04-05", company_yaml=SETTINGS + "finance: {as_of: 2024-03-31}\n")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 3, 31))]


def test_a_quarantined_item_has_not_vanished(tmp_path: Path) -> None:
    deliver(tmp_path, full(item(1), item(2)), on="2024-03-01")
    deliver(tmp_path, full(item(1), item(2, quantity=-1)), on="2024-04-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None)]
    deliver(tmp_path, full(item(1)), on="2024-05-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 5, 1))]


def test_what_a_vanished_item_leans_on_comes_along_as_last_known(tmp_path: Path) -> None:
    segments = "account_id,dimension,value,valid_from\nacct-2,size,L,2024-01-01\n"
    discount = "discount_id,item_id,kind,value,duration,starts_on\nd,item-2,percent,10,forever,2024-01-01\n"
    deliver(
        tmp_path,
        full(item(1), item(2, product_id="p2"), account_segments=segments, discounts=discount),
        on="2024-03-01",
    )
    # The item goes first, its account and product (under a new name) one delivery later.
    named = accounts(2).replace("Account 2", "Account Two")
    deliver(tmp_path, full(item(1), accounts=named, account_segments=segments), on="2024-04-01")
    one_product = "\n".join(PRODUCTS.splitlines()[:2]) + "\n"
    deliver(tmp_path, full(item(1), accounts=accounts(1)) | {"products.csv": one_product}, on="2024-05-01")
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 4, 1))]
    assert replayed(tmp_path, "SELECT account_name FROM raw.accounts WHERE account_id = 'acct-2'") == [("Account Two",)]
    assert replayed(tmp_path, "SELECT value FROM raw.account_segments") == [("L",)]
    assert replayed(tmp_path, "SELECT product_line FROM raw.products WHERE product_id = 'p2'") == [("Storage",)]
    assert replayed(tmp_path, "SELECT discount_id FROM raw.discounts") == [("d",)]
    assert replayed(tmp_path, "SELECT count(*) FROM raw.identity_map") == [(2,)]


def test_quarantine_is_rebuilt_from_the_lake_and_leaves_the_rows_of_other_sources(tmp_path: Path) -> None:
    deliver(tmp_path, full(item(1), item(2, quantity=-1)))
    query = "SELECT source, table_name, row_ref, reason FROM quality.quarantine ORDER BY source"
    bad = ("finance", "subscription_items", "finance/subscription_items.csv row 3", "negative_value")
    assert replayed(tmp_path, query) == [bad]
    with write(tmp_path / "home" / "warehouse.duckdb") as con:
        con.execute("INSERT INTO quality.quarantine VALUES ('amplitude', 't', 'r', 'x', NULL, NULL)")
    shutil.rmtree(tmp_path / "company" / "finance")  # only the lake is asked
    assert replayed(tmp_path, query) == [("amplitude", "t", "r", "x"), bad]


def test_complete_journey_lands_whole(tmp_path: Path) -> None:
    company, home = load_company(complete_journey()), Home(tmp_path)
    delivery = land(home, company)
    assert delivery.tables == {
        "accounts": 249, "account_segments": 415, "invoice_lines": 16553, "control_totals": 12, "arr_month": 13978,
    }  # fmt: skip
    assert delivery.quarantined == {} and land(home, company) == delivery
    with write(home.warehouse) as con:
        found = load_raw(con, home, company, None)
        assert (found.mode, found.as_of, found.rows["arr_month"]) == ("minimum", date(2017, 12, 31), 13978)
        difference = con.execute(
            "SELECT max(abs(total - value)) FROM (SELECT month, sum(arr) AS total FROM raw.arr_month GROUP BY month) "
            "JOIN raw.control_totals USING (month)"
        ).fetchall()
        invoiced = con.execute("SELECT sum(amount) FROM raw.invoice_lines").fetchall()
    assert float(difference[0][0]) == 0 and float(invoiced[0][0]) == 476716.16


def test_the_date_a_refresh_is_asked_for_is_what_its_new_delivery_speaks_for(tmp_path: Path) -> None:
    company, home = make_company(tmp_path, full(item(1), item(2))), Home(tmp_path / "home")
    land(home, company, until=date(2024, 1, 31))
    company = make_company(tmp_path, full(item(1)))
    assert land(home, company, until=date(2024, 2, 29)).as_of == date(2024, 2, 29)
    assert replayed(tmp_path, VANISHED) == [("item-1", None), ("item-2", date(2024, 2, 29))]


def test_deliveries_are_ordered_by_number_not_by_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = deliver(tmp_path, {"arr_month.csv": ARR})
    for number in (9999, 10000):
        shutil.copytree(first.folder, first.folder.with_name(f"{number}_{first.content_hash[:12]}"))
    assert [int(d.folder.name.partition("_")[0]) for d in deliveries(home)] == [1, 9999, 10000]
