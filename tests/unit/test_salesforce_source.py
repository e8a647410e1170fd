"""Salesforce as a source: accounts, segments from field history, signed dates; and sessions that expire."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets.errors import InputError
from assets.finance.connectors import salesforce
from assets.finance.connectors.loads import newest, root_of
from assets.finance.deliveries import deliveries
from assets.home import Home
from support.company_folder import PRODUCTS, accounts, item, items
from support.connected import landed, rows, salesforce_company, set_aside, source_shapes
from support.fake_salesforce import CLIENT_SECRET, FakeSalesforce, account, change, opportunity, used_up
from support.traces import places

SEGMENTS = "{kind: salesforce, dimensions: {industry: Industry, region: BillingCountry}}"
BOTH = f"    accounts: salesforce\n    account_segments: {SEGMENTS}\n"
INTERVALS = "account_id, dimension, value, valid_from, valid_to"


def delivered(root: Path, fake: FakeSalesforce, sources: str = BOTH, on: str = "2024-06-30", **how: Any) -> Any:
    with salesforce_company(root, fake, sources, **how):
        return landed(root, on)


def refused(root: Path, fake: FakeSalesforce, sources: str = BOTH, env: Mapping[str, str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        delivered(root, fake, sources, env=env)
    assert not deliveries(Home(root / "home")) and newest(root_of(Home(root / "home"), "salesforce")) is None
    return caught.value


def test_accounts_with_parents_and_the_company_s_dates(tmp_path: Path) -> None:
    fake = FakeSalesforce(
        [
            account("001A", key__c="A-1", test__c=False),
            account("001B", "Beta", ParentId="001A", key__c="A-2", test__c=True),
        ]
    )
    sources = "    accounts: {kind: salesforce, account_id: key__c, is_internal_test: test__c}\n"
    delivery = delivered(tmp_path, fake, sources, more="time_zone: Europe/Berlin\n")
    assert rows(delivery, "accounts", "*") == [
        ("A-1", "Acme", None, "001A", "Germany", date(2023, 1, 11), False),
        ("A-2", "Beta", "A-1", "001B", "Germany", date(2023, 1, 11), True),
    ]
    assert places(tmp_path / "home", CLIENT_SECRET) == places(tmp_path / "home", "session-1") == []


def test_segments_are_the_history_of_a_field_and_end_with_its_present_value(tmp_path: Path) -> None:
    fake = FakeSalesforce(
        [account("001A"), account("001B", Industry=None), account("001C", Industry="Energy"), account("001D")],
        [
            change("001A", "Industry", "2023-05-01", "Energy", "Banking"),
            change("001A", "Industry", "2023-08-01", "Banking", None),  # a gap, closed twice on one day
            change("001A", "Industry", "2023-09-01", None, "Energy"),
            change("001A", "Industry", "2023-09-01", "Energy", "Retail"),
            change("001B", "Industry", "2023-05-01", "Retail", None),
            change("001C", "Industry", "2023-05-01", "Retail", "Banking"),  # then changed while not tracked
            change("001D", "Industry", "2022-12-01", "Energy", "Retail"),  # imported with an older date
            change("001D", "Industry", "2023-02-01", "0051", "0052", DataType="EntityId"),
        ],
        page=3,
    )
    delivery = delivered(tmp_path, fake)
    born, day = date(2023, 1, 10), date
    assert rows(delivery, "account_segments", INTERVALS, "dimension = 'industry'") == [
        ("001A", "industry", "Banking", day(2023, 5, 1), day(2023, 8, 1)),
        ("001A", "industry", "Energy", born, day(2023, 5, 1)),
        ("001A", "industry", "Retail", day(2023, 9, 1), None),
        ("001B", "industry", "Retail", born, day(2023, 5, 1)),
        ("001C", "industry", "Retail", born, day(2023, 5, 1)),
        ("001D", "industry", "Retail", day(2022, 12, 1), None),
    ]
    assert rows(delivery, "account_segments", INTERVALS, "dimension = 'region' AND account_id = '001A'") == [
        ("001A", "region", "Germany", born, None)
    ]
    assert [(table, detail.split(":")[0]) for table, _, detail in set_aside(delivery)] == [
        ("account_segments", "Account 001C, field Industry")
    ]
    assert fake.queries and [a.path.count("-") for a in fake.asked if "/query/" in a.path] == [1] * 3


@pytest.mark.parametrize("matches", ["subscription_id", "account_id"])
def test_won_opportunities_say_when_items_were_signed(tmp_path: Path, matches: str) -> None:
    key = "sub-1" if matches == "subscription_id" else "acct-1"
    fake = FakeSalesforce(
        Opportunity=[
            opportunity("006A", "2023-12-20", Sub__c=key),
            opportunity("006B", "2022-03-01", Sub__c=key),
            opportunity("006C", "2024-05-05", Sub__c=key),
            opportunity("006D", "2024-05-05", Sub__c="other"),
        ]
    )
    sources = f"    accounts: file\n  signed_dates: {{field: Sub__c, matches: {matches}}}\n"
    finance = {
        "accounts.csv": accounts(2), "products.csv": PRODUCTS,
        "subscription_items.csv": items(item(1), item(2), item(3, 1, subscription_id=key, effective_from="2021-01-01")),
    }  # fmt: skip
    delivery = delivered(tmp_path, fake, sources, finance=finance)
    assert rows(delivery, "subscription_items", "item_id, signed_date") == [
        ("item-1", date(2023, 12, 20)), ("item-2", None), ("item-3", date(2022, 3, 1)),
    ]  # fmt: skip
    fake.Opportunity.pop(0)
    again = delivered(tmp_path, fake, sources, finance=finance)
    assert again.number == 2
    assert rows(again, "subscription_items", "signed_date", "item_id = 'item-1'") == [(date(2022, 3, 1),)]


def test_an_expired_session_is_renewed_and_the_query_goes_on(tmp_path: Path) -> None:
    fake = FakeSalesforce([account(f"001{n}") for n in range(5)], page=2, lasts=2)
    assert delivered(tmp_path, fake).tables["accounts"] == 5
    assert fake.sessions == 2 and sum(a.path.endswith("/token") for a in fake.asked) == 2
    fake.lasts = 0  # a session that never works is renewed once, not for ever
    with pytest.raises(InputError, match="session has expired"):
        delivered(tmp_path, fake)
    assert fake.sessions == 4


def test_what_salesforce_refuses_is_told_in_words(tmp_path: Path) -> None:
    assert "limit of API requests" in refused(tmp_path, FakeSalesforce(faults=[used_up()])).what
    error = refused(tmp_path, FakeSalesforce([{k: v for k, v in account("001A").items() if k != "Industry"}]))
    assert "No such column 'Industry' on entity 'Account'" in error.what and "renamed" in error.mend
    error = refused(tmp_path, FakeSalesforce([account("001A", Industry=7)]))
    assert "in Account, the field Industry is a number, not text" in error.what and "001A" in error.where
    with pytest.raises(InputError, match="'10/17/2019' is not a date"):
        delivered(tmp_path, FakeSalesforce([account("001A", CreatedDate="10/17/2019")]))


def test_credentials_that_are_missing_wrong_or_a_stale_token(tmp_path: Path) -> None:
    error = refused(tmp_path, FakeSalesforce(), env={"SALESFORCE_CLIENT_ID": "x", "SALESFORCE_CLIENT_SECRET": "y"})
    assert "does not let the client sign in (invalid_client)" in error.what
    error = refused(tmp_path, FakeSalesforce(), env={"SALESFORCE_CLIENT_ID": "x"})
    assert "SALESFORCE_CLIENT_SECRET is missing" in error.what
    error = refused(tmp_path, FakeSalesforce(), env={"SALESFORCE_SESSION_TOKEN": "stale"})
    assert "session has expired" in error.what and "stale" not in str(error)
    error = refused(
        tmp_path, FakeSalesforce(), env={"SALESFORCE_SESSION_TOKEN": "t", "SALESFORCE_INSTANCE_URL": "http://a.b"}
    )
    assert "no https address" in error.what


def test_tables_and_dimensions_are_checked_before_anything_is_asked(tmp_path: Path) -> None:
    fake = FakeSalesforce()
    assert "not mapped to the table products" in refused(tmp_path, fake, "    products: salesforce\n").what
    assert "which fields of Account" in refused(tmp_path, fake, "    account_segments: salesforce\n").what
    both = "    accounts: {kind: salesforce, account_id: Key__c}\n    account_segments: " + SEGMENTS + "\n"
    assert "name their accounts differently" in refused(tmp_path, fake, both).what
    assert fake.asked == []


def test_accounts_as_connectors_publish_them_fit_what_is_declared() -> None:
    """Sample rows of a Salesforce account table: the values of the fields that are read, in Salesforce's names."""
    names = {"Id": "id", "Name": "name", "ParentId": "parent_id", "BillingCountry": "billing_country"}
    with source_shapes("salesforce/sf_account_data.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    shape = salesforce.queries({"accounts": salesforce.SalesforceSource(kind="salesforce")}, None)[0].shape
    for row in found:
        record = {ours: row[theirs] or None for ours, theirs in names.items()}
        record["CreatedDate"] = row["_fivetran_synced"].replace(" ", "T") + ".000+0000"
        assert shape.cut(record | {"attributes": {}})["Id"] == row["id"]
    assert len(found) == 10
