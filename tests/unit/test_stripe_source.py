"""Stripe as a source of finance tables: what is asked, how it is mapped, and what happens when Stripe says no."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.errors import InputError
from assets.finance.connectors import http, stripe
from assets.finance.connectors.loads import loads, newest, root_of
from assets.finance.connectors.stripe_mapping import Unsayable, major
from assets.finance.deliveries import deliveries
from assets.home import Home
from support.connected import landed, rows, set_aside, source_shapes, stripe_company
from support.fake_stripe import (
    KEY,
    FakeStripe,
    at,
    coupon,
    customer,
    discount,
    expired,
    invoice,
    item,
    line,
    price,
    subscription,
    too_many,
)
from support.traces import places

ITEMS = "item_id, version_no, status, effective_from, effective_to, quantity, unit_amount"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited for before trying again."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.sleep", waited.append)
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


def delivered(root: Path, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch, on: str = "2024-06-30", **how: Any) -> Any:
    with stripe_company(root, fake, monkeypatch, **how):
        return landed(root, on)


def refused(root: Path, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> InputError:
    with pytest.raises(InputError) as caught:
        delivered(root, fake, monkeypatch)
    assert not deliveries(Home(root / "home")) and newest(root_of(Home(root / "home"), "stripe")) is None
    return caught.value


def test_every_page_is_read_and_only_declared_fields_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [customer(f"cus_{n}", f"Company {n}") for n in range(1, 6)]
    long = subscription("sub_1", item("si_1"), customer="cus_2")
    long["items"] |= {"has_more": True}
    bill = invoice("in_1", line("il_1", 2000))
    bill["lines"] |= {"has_more": True}
    fake = FakeStripe(customers=many, subscriptions=[long], invoices=[bill], page=2)
    fake.more["subscription_items"] = [item(f"si_{n}") for n in (1, 2, 3)]
    fake.more["invoices/in_1/lines"] = [line("il_1", 2000), line("il_2", 5)]
    delivery = delivered(tmp_path, fake, monkeypatch)
    assert delivery.tables == {
        "accounts": 5, "products": 1, "subscription_items": 3, "invoice_lines": 2,
    }  # fmt: skip
    assert [a.one("starting_after") for a in fake.asked if a.path == "/v1/customers"] == ["", "cus_2", "cus_4"]
    assert all(a.headers["Stripe-Version"] == stripe.VERSION for a in fake.asked)
    kept = newest(root_of(Home(tmp_path / "home"), "stripe"))
    assert kept is not None
    told = "".join(text for name in kept.objects for text in kept.texts(name))
    assert "example.com" not in told and "555" not in told and "secret" not in told and "Bonn" not in told
    assert places(tmp_path / "home", KEY) == []


def test_accounts_and_products_are_named_as_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = "".join(
        f"    {t}: {{kind: stripe, account_id: metadata.crm, product_line: name}}\n"
        for t in ("accounts", "products", "subscription_items")
    )
    fake = FakeStripe(
        customers=[
            customer("cus_1", None, metadata={"crm": "A-1", "note": "boss@example.com"}),
            customer("cus_2", metadata={"crm": "A-2"}),
        ]
    )
    delivery = delivered(tmp_path, fake, monkeypatch, sources=sources)
    assert rows(delivery, "accounts", "account_id, account_name, crm_id, billing_country, created_date") == [
        ("A-1", "cus_1", "cus_1", "DE", date(2024, 1, 2)),
        ("A-2", "Acme", "cus_2", "DE", date(2024, 1, 2)),
    ]
    assert rows(delivery, "products", "product_line") == [("Prod_1",)]
    assert places(tmp_path / "home", "boss@example.com") == []
    assert rows(delivery, "subscription_items", "account_id, subscription_id, product_id, currency, interval") == [
        ("A-1", "sub_1", "prod_1", "USD", "month")
    ]


def test_every_status_has_one_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sub(status: str, **more: Any) -> dict[str, Any]:
        return subscription(f"sub_{status}{len(more)}", item(f"{status}{len(more)}"), **{"status": status} | more)

    gone = {"ended_at": at("2024-04-01"), "canceled_at": at("2024-03-10")}
    why = {"cancellation_details": {"reason": "payment_failed"}}
    fake = FakeStripe(
        subscriptions=[
            *map(sub, ("active", "past_due", "unpaid", "paused", "incomplete", "incomplete_expired")),
            sub("active", pause_collection={"behavior": "void", "resumes_at": None}),
            sub("trialing", trial_end=at("2024-07-10")),
            sub("active", trial_start=at("2024-01-15"), trial_end=at("2024-02-15")),
            sub("canceled", **gone, **why),
            sub("active", cancel_at_period_end=True, canceled_at=at("2024-05-20"), cancel_at=None),
        ]
    )
    delivery = delivered(tmp_path, fake, monkeypatch)
    start, day = date(2024, 1, 15), date
    found = rows(delivery, "subscription_items", "item_id, status, effective_from, effective_to, end_reason")
    assert found == [
        ("active0", "active", start, None, None),
        ("active1", "paused", start, None, None),
        ("active2", "active", day(2024, 2, 15), None, None),
        ("active2", "trialing", start, day(2024, 2, 15), None),
        ("active3", "active", start, day(2024, 6, 15), None),
        ("canceled3", "active", start, day(2024, 4, 1), "involuntary"),
        ("incomplete0", "unpaid", start, None, None),
        ("incomplete_expired0", "canceled", start, None, None),
        ("past_due0", "past_due", start, None, None),
        ("paused0", "paused", start, None, None),
        ("trialing1", "trialing", start, None, None),
        ("unpaid0", "unpaid", start, None, None),
    ]
    asked = "item_id IN ('active3', 'canceled3')"
    assert rows(delivery, "subscription_items", "cancel_requested_at", asked) == [
        (day(2024, 3, 10),),
        (day(2024, 5, 20),),
    ]


def test_amounts_are_exact_in_the_unit_of_their_currency() -> None:
    assert major("2000", "usd") == Decimal("20") and major("1234", "jpy") == Decimal("1234")
    assert major("5120", "kwd") == Decimal("5.12") and major("500", "isk") == Decimal("5")
    assert major("0.5", "eur") == Decimal("0.005") and major(99999999999999, "usd") == Decimal("999999999999.99")
    with pytest.raises(Unsayable, match="two different minor units"):
        major("100", "ugx")
    with pytest.raises(Unsayable, match="more than 4 decimals"):
        major("0.001", "usd")


def test_what_the_contract_cannot_say_is_set_aside_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metered = {"usage_type": "metered"}
    priced = {
        "tiers": price("price_tiers", None, billing_scheme="tiered", tiers_mode="graduated"),
        "packs": price("price_packs", transform_quantity={"divide_by": 10, "round": "up"}),
        "tiny": price("price_tiny", "0.0001"),
        "once": price("price_once", recurring={}) | {"recurring": None},
        "meter": price("price_meter", None, billing_scheme="tiered", recurring=metered),
        "fine": price("price_fine", recurring={"interval": "year", "interval_count": 2}),
    }
    fake = FakeStripe(
        subscriptions=[subscription("sub_1", *(item(k, p, None if k == "meter" else 3) for k, p in priced.items()))],
        coupons=[coupon("some", percent_off=10, applies_to={"products": ["prod_1"]}), coupon("all", percent_off=10)],
    )
    listed = [discount("di_1", "some"), discount("di_2", "deleted"), discount("di_3", "all")]
    fake.subscriptions[0]["discounts"] = listed
    delivery = delivered(tmp_path, fake, monkeypatch)
    assert rows(
        delivery, "subscription_items", "item_id, pricing_model, interval, interval_count, quantity, unit_amount"
    ) == [
        ("fine", "licensed", "year", 2, Decimal(3), Decimal(20)),
        ("meter", "metered", "month", 1, Decimal(0), Decimal(0)),
    ]
    assert [(table, detail) for table, reason, detail in set_aside(delivery) if reason == "not_representable"] == [
        ("discounts", "discount di_1, coupon some: it applies to some products only"),
        ("discounts", "discount di_2: its coupon deleted is not listed any more"),
        ("subscription_items", "price price_once of item once: a price that does not recur in a subscription"),
        ("subscription_items", "price price_packs of item packs: the quantity is billed in packages "
         "(transform_quantity)"),
        ("subscription_items", "price price_tiers of item tiers: tiered prices have no single unit amount"),
        ("subscription_items", "price price_tiny of item tiny: the amount 0.000001 USD has more than 4 decimals"),
    ]  # fmt: skip


def test_discounts_of_item_subscription_and_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeStripe(
        customers=[customer("cus_1", discount=discount("di_c", "amount"))],
        coupons=[
            coupon("amount", amount_off=1500, currency="eur", duration="once"),
            coupon("percent", percent_off=25.5, duration="repeating", duration_in_months=3),
        ],
        subscriptions=[
            subscription("sub_own", item("si_1"), discounts=[discount("di_s", "percent", end=at("2024-05-01"))]),
            subscription("sub_none", item("si_2", discounts=[discount("di_i", "percent")])),
        ],
    )
    delivery = delivered(tmp_path, fake, monkeypatch)
    found = rows(
        delivery, "discounts", "discount_id, item_id, subscription_id, kind, value, duration, ends_on, currency"
    )
    assert found == [
        ("di_c", None, "sub_none", "amount", Decimal(15), "once", None, "EUR"),
        ("di_i", "si_2", None, "percent", Decimal("25.5"), "repeating", None, None),
        ("di_s", None, "sub_own", "percent", Decimal("25.5"), "repeating", date(2024, 5, 1), None),
    ]


def test_invoice_lines_are_net_of_discount_and_tax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taxes = [{"amount": 319, "tax_behavior": "inclusive"}, {"amount": 50, "tax_behavior": "exclusive"}]
    loose = {
        "type": "invoice_item_details",
        "subscription_item_details": None,
        "invoice_item_details": {"proration": False},
    }
    fake = FakeStripe(
        prices=[price(), price("price_m", recurring={"usage_type": "metered"})],
        invoices=[
            invoice("in_1", line("il_1", 2000, taxes=taxes, discount_amounts=[{"amount": 100, "discount": "di_1"}])),
            invoice("in_2", line("il_2", -700, proration=True), line("il_3", 42, price="price_m"), status="open"),
            invoice("in_3", line("il_4", 5, parent=loose, pricing=None), status="draft", effective_at=None),
        ],
    )
    columns = "line_id, amount, tax_amount, line_type, is_proration, is_recurring, item_id, invoice_status"
    assert rows(delivered(tmp_path, fake, monkeypatch), "invoice_lines", columns) == [
        ("il_1", Decimal("15.81"), Decimal("3.69"), "charge", False, True, "si_1", "paid"),
        ("il_2", Decimal("-7"), Decimal(0), "credit", True, True, "si_1", "open"),
        ("il_3", Decimal("0.42"), Decimal(0), "usage", False, False, "si_1", "open"),
        ("il_4", Decimal("0.05"), Decimal(0), "charge", False, False, None, "draft"),
    ]


def test_terms_become_versions_over_the_deliveries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe knows only the present; what it said before is not lost, and not restated."""
    fake = FakeStripe(coupons=[coupon("c", percent_off=10)])

    def now(on: str, *items: dict[str, Any], **more: Any) -> Any:
        fake.subscriptions = [subscription("sub_1", *items, **more)]
        return delivered(tmp_path, fake, monkeypatch, on)

    trial = {"status": "trialing", "trial_start": at("2024-01-15"), "trial_end": at("2024-02-14")}
    now("2024-02-01", item("si_1"), **trial, discounts=[discount("di_1", "c", start=at("2024-01-20"))])
    now("2024-03-01", item("si_1"), item("si_2", created=at("2024-02-20")), **trial | {"status": "active"})
    now("2024-04-01", item("si_1", quantity=5), item("si_2", created=at("2024-02-20")), status="past_due")
    ending = {"status": "canceled", "ended_at": at("2024-05-20"), "canceled_at": at("2024-05-02")}
    last = now("2024-06-01", item("si_1", quantity=5), **ending)
    expected = [
        ("si_1", 1, "trialing", date(2024, 1, 15), date(2024, 2, 14), Decimal(1), Decimal(20)),
        ("si_1", 2, "active", date(2024, 2, 14), date(2024, 4, 1), Decimal(1), Decimal(20)),
        ("si_1", 3, "past_due", date(2024, 4, 1), date(2024, 5, 20), Decimal(5), Decimal(20)),
        ("si_2", 1, "active", date(2024, 2, 20), date(2024, 4, 1), Decimal(1), Decimal(20)),
        ("si_2", 2, "past_due", date(2024, 4, 1), date(2024, 6, 1), Decimal(1), Decimal(20)),
    ]
    assert rows(last, "subscription_items", ITEMS) == expected
    assert rows(last, "discounts", "discount_id, starts_on, ends_on") == [("di_1", date(2024, 1, 20), date(2024, 3, 1))]
    assert [d.number for d in deliveries(Home(tmp_path / "home"))] == [1, 2, 3, 4]

    # What was remembered can be made again from the kept answers alone.
    root = root_of(Home(tmp_path / "home"), "stripe")
    (root / "history.json").unlink()
    shutil.rmtree(tmp_path / "home" / "lake" / "finance" / "deliveries")
    assert rows(delivered(tmp_path, fake, monkeypatch, "2024-06-02"), "subscription_items", ITEMS) == expected


def test_the_same_answer_is_kept_once_and_makes_no_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeStripe(customers=[customer("cus_1"), customer("cus_2")])
    first = delivered(tmp_path, fake, monkeypatch)
    fake.customers.reverse()
    fake.customers[0] = fake.customers[0] | {"email": "new@example.com", "balance": 100}  # nobody reads these
    assert delivered(tmp_path, fake, monkeypatch, on="2024-07-15") == first
    assert len(list(loads(root_of(Home(tmp_path / "home"), "stripe")))) == 1
    assert not list(root_of(Home(tmp_path / "home"), "stripe").glob(".asking-*"))


def test_another_account_does_not_end_every_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeStripe()
    first = delivered(tmp_path, fake, monkeypatch)
    for other in ([], [subscription("sub_of_another_account", item("si_9"))]):
        fake.subscriptions = other
        with pytest.raises(InputError, match="none of the 1 subscriptions that it listed before"):
            delivered(tmp_path, fake, monkeypatch, "2024-07-01")
    fake.subscriptions = [subscription("sub_1", item("si_1"))]
    assert delivered(tmp_path, fake, monkeypatch, "2024-07-02") == first


def test_a_busy_host_is_waited_for_as_long_as_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    fake = FakeStripe(faults=[too_many(7), (503, {}, {}), (200, {}, b"<html>")])
    with pytest.raises(InputError, match="did not answer in JSON"):
        delivered(tmp_path, fake, monkeypatch)
    assert waits[0] == 7 and len(waits) == 2
    fake.faults = [too_many(3)] * 20
    error = refused(tmp_path, fake, monkeypatch)
    assert "asks for fewer requests" in error.what and len(fake.faults) == 20 - http.Patience().attempts


def test_a_key_that_is_expired_wrong_or_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(tmp_path, FakeStripe(faults=[expired()]), monkeypatch)
    assert error.what == "the Stripe key has expired" and "restricted key" in error.mend
    assert KEY[-8:] not in str(error)
    fake = FakeStripe(faults=[(403, {}, {"error": {"type": "invalid_request_error"}})])
    assert "may not read" in refused(tmp_path, fake, monkeypatch).what
    monkeypatch.setenv("STRIPE_API_KEY", "rk_test_another")
    assert refused(tmp_path, FakeStripe(), monkeypatch).what == "Stripe does not accept the key"
    monkeypatch.delenv("STRIPE_API_KEY")
    with stripe_company(tmp_path, FakeStripe(), monkeypatch) as folder:
        (folder / ".env").unlink()
        with pytest.raises(InputError, match="STRIPE_API_KEY is missing"):
            landed(tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda s: s["items"]["data"][0].pop("current_period_end"), "items.data[0].current_period_end is not there"),
        (lambda s: s["items"]["data"][0]["price"].update(currency=None), "items.data[0].price.currency is null"),
        (lambda s: s.update(start_date="2024-01-15"), "start_date is a text, not number"),
        (lambda s: s.update(status="resting"), "status is 'resting', not one of"),
        (lambda s: s.update(discounts=["di_1"]), "discounts[0] is a text, not an object"),
        (lambda s: s.update(items=[]), "items is a list, not an object"),
    ],
)
def test_a_changed_schema_names_object_and_field(change: Any, field: str) -> None:
    answer = subscription("sub_1", item("si_1"))
    change(answer)
    with pytest.raises(InputError) as caught:
        stripe.SHAPES["subscriptions"].cut(answer)
    error = caught.value
    assert f"in subscription, the field {field}" in error.what
    assert "Stripe, object subscription sub_1" in error.where and "docs.stripe.com" in error.mend


def test_a_changed_schema_stops_the_landing_before_anything_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeStripe()
    fake.subscriptions[0]["start"] = fake.subscriptions[0].pop("start_date")  # renamed
    assert "the field start_date is not there" in refused(tmp_path, fake, monkeypatch).what
    error = refused(
        tmp_path, FakeStripe(faults=[(200, {}, {"object": "list", "has_more": False, "items": []})]), monkeypatch
    )
    assert "no list data in coupons" in error.what
    error = refused(tmp_path, FakeStripe(faults=[(200, {}, {"object": "list", "data": [coupon("c")]})]), monkeypatch)
    assert "whether there is another page" in error.what


def test_objects_as_stripe_publishes_them_fit_what_is_declared() -> None:
    """Stripe's own fixtures, of its OpenAPI description: every declared field is there, with its type."""
    resources = json.loads(source_shapes("stripe/fixtures3.json").read_text(encoding="utf-8"))["resources"]
    for resource, name in (
        ("customer", "customers"), ("product", "products"), ("price", "prices"), ("subscription_item", "items"),
        ("invoice", "invoices"), ("line_item", "lines"), ("coupon", "coupons"),
    ):  # fmt: skip
        cut = stripe.SHAPES[name].cut(resources[resource])
        assert cut["id"] == resources[resource]["id"], name
    published = resources["subscription"]
    assert stripe.SHAPES["subscriptions"].cut(published)["items"]["data"][0]["price"]["unit_amount_decimal"] == "2000"
