"""MongoDB as a source: paths to columns, exact decimals, ids as text, and what a changed document says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from assets.errors import InputError
from assets.finance.connectors import mongodb
from assets.finance.connectors.loads import loads, newest, root_of
from assets.finance.deliveries import deliveries
from assets.home import Home
from support.connected import connected, landed, rows
from support.fake_mongo import FakeClient
from support.traces import places

URL = "mongodb://lens:not-a-real-password@db.example.com/"
SOURCES = """\
    accounts:
      kind: mongodb
      database: crm
      collection: companies
      filter: {kind: customer}
      fields: {account_id: _id, account_name: profile.name, created_date: created, is_internal_test: test}
    arr_month:
      kind: mongodb
      database: crm
      collection: arr
      dates_in: UTC
      fields: {month: month, account_id: of, product_line: line, currency: money.unit, arr: money.amount}
"""
ID = ObjectId("65f0c0ffee65f0c0ffee65f0")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def documents() -> dict[str, dict[str, list[Any]]]:
    made = {
        "kind": "customer",
        "profile": {"name": "Acme", "mail": "boss@example.com"},
        "created": at("2024-01-01T03:00"),
    }
    month = {"month": at("2024-01-01"), "of": ID, "line": "A"}
    return {
        "crm": {
            "companies": [{"_id": ID, **made, "test": False}, {"_id": ObjectId(), "kind": "lead"}],
            "arr": [
                {"_id": 1, **month, "money": {"unit": "USD", "amount": Decimal128("99999999999999.9999")}},
                {"_id": 2, **month, "line": "B", "money": {"unit": "EUR", "amount": Int64(7)}},
            ],
        }
    }


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Databases by name, to be changed by a test; connecting with the URL of the secrets gives them."""
    databases = documents()

    def connect(secret_url: str) -> FakeClient:
        assert secret_url == URL
        return FakeClient(databases)

    monkeypatch.setattr(mongodb, "connect", connect)
    return databases["crm"]


def delivered(root: Path, sources: str = SOURCES, more: str = "time_zone: America/New_York\n") -> Any:
    connected(root, sources, {"MONGODB_URL": URL}, more=more)
    return landed(root)


def refused(root: Path, sources: str = SOURCES) -> InputError:
    with pytest.raises(InputError) as caught:
        delivered(root, sources)
    assert not deliveries(Home(root / "home")) and "not-a-real-password" not in str(caught.value)
    return caught.value


def test_documents_become_rows_exactly(tmp_path: Path, server: dict[str, Any]) -> None:
    delivery = delivered(tmp_path)
    # 03:00 in UTC is the evening before in New York; the months are told to be meant in UTC.
    found = rows(delivery, "accounts", "account_id, account_name, created_date, is_internal_test")
    assert found == [(str(ID), "Acme", date(2023, 12, 31), False)]
    assert rows(delivery, "arr_month", "month, account_id, product_line, currency, arr") == [
        (date(2024, 1, 1), str(ID), "A", "USD", Decimal("99999999999999.9999")),
    ]
    # EUR has no rate: the contract's own rule sets it aside, as it would for a file
    assert delivery.quarantined == {"arr_month": 1}
    kept = newest(root_of(Home(tmp_path / "home"), "mongodb_MONGODB_URL"))
    assert kept is not None and "boss@example.com" not in "".join(kept.texts("accounts"))
    assert '{"$numberDecimal": "99999999999999.9999"}' in "".join(kept.texts("arr_month"))
    assert places(tmp_path / "home", "not-a-real-password") == []


def test_unchanged_documents_in_another_order_are_the_same_answer(tmp_path: Path, server: dict[str, Any]) -> None:
    first = delivered(tmp_path)
    server["arr"].reverse()
    server["companies"][0]["profile"]["mail"] = "other@example.com"
    assert delivered(tmp_path) == first
    assert len(list(loads(root_of(Home(tmp_path / "home"), "mongodb_MONGODB_URL")))) == 1


def test_a_renamed_field_is_missed_in_all_documents(tmp_path: Path, server: dict[str, Any]) -> None:
    for document in server["arr"]:
        document["money"]["value"] = document["money"].pop("amount")
    error = refused(tmp_path)
    assert "no document of arr has the field money.amount, which arr_month.arr is read from" in error.what
    assert "crm.arr, field money.amount" in error.where and "finance.sources.arr_month.fields.arr" in error.mend


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("line", ["A"], "a value of type list, not a text"),
        ("month", "01/02/2024", "the text '01/02/2024', not a date"),
        ("money", {"unit": "USD", "amount": "1,200"}, "the text '1,200', not a number"),
        ("money", {"unit": "USD", "amount": Decimal128("NaN")}, "NaN, not a number"),
    ],
)
def test_a_new_type_names_document_and_field(
    tmp_path: Path, server: dict[str, Any], path: str, value: Any, what: str
) -> None:
    server["arr"][1][path] = value
    error = refused(tmp_path)
    assert what in error.what and "document 2" in error.where and "read as arr_month" in error.where


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("of, product_line", "of, product_lin"), "no column product_lin (did you mean product_line?)"),
        (("account_name: profile.name, ", ""), "no field is mapped to account_name"),
        (("profile.name", "$profile"), "not a path of field names"),
        (("kind: mongodb\n      database: crm\n      collection: arr", "kind: mongo"), "'mongo' is no known kind"),
        (("      collection: arr\n", ""), "finance.sources.arr_month.collection is missing"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_before_asking(
    tmp_path: Path, server: dict[str, Any], change: tuple[str, str], what: str
) -> None:
    assert what in refused(tmp_path, SOURCES.replace(*change)).what


def test_refusals_of_the_server_are_told_without_the_url(tmp_path: Path, server: dict[str, Any]) -> None:
    server["arr"].append(OperationFailure("bad auth: " + URL, 18, {"codeName": "AuthenticationFailed"}))
    assert "(code 18, AuthenticationFailed)" in refused(tmp_path).what
    server["arr"][-1] = ServerSelectionTimeoutError(URL)
    assert "MongoDB cannot be reached (ServerSelectionTimeoutError)" in refused(tmp_path).what


def test_a_url_that_is_none_is_told_without_it(tmp_path: Path) -> None:
    connected(tmp_path, SOURCES, {"MONGODB_URL": "mongodb://u:not-a-real-password@host:port/"})
    with pytest.raises(InputError) as caught:
        landed(tmp_path)
    assert "not a MongoDB URL" in caught.value.what and "not-a-real-password" not in str(caught.value)
