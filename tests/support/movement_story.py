"""Accounts whose months tell how product lines are won and lost: one account a ruling, February to July 2025."""

from __future__ import annotations

from typing import Any

from support.money_examples import AS_OF, PRODUCTS
from support.money_world import item
from support.raw_money import Row, state


def core(account: str, begin: str, amount: str, end: str | None = None, **terms: Any) -> dict[str, Any]:
    """A monthly licence of product line Core."""
    return item(account, begin, amount, end, **terms)


def extra(account: str, begin: str, amount: str, end: str | None = None, **terms: Any) -> dict[str, Any]:
    """A monthly licence of product line Extra, beside the account's Core item."""
    return item(account, begin, amount, end, **{"item_id": f"{account}-extra", "product_id": "extra", **terms})


JANUARY = "2025-01-01"
ITEMS: list[Row] = [
    # plan swaps: another item, another product of the same item, twice within one month, and at the edge of a month
    core("swap_up", JANUARY, "100"),
    extra("swap_up", "2025-03-10", "150", replaces_item_id="swap_up"),
    core("swap_down", JANUARY, "100"),
    extra("swap_down", "2025-03-10", "60", replaces_item_id="swap_down"),
    core("swap_of_the_same_item", JANUARY, "100", "2025-03-10"),
    core("swap_of_the_same_item", "2025-03-10", "100", version_no=2, product_id="extra"),
    core("swap_twice", JANUARY, "100"),
    core("swap_twice", "2025-03-05", "90", item_id="swap_between", replaces_item_id="swap_twice"),
    extra("swap_twice", "2025-03-20", "100", replaces_item_id="swap_between"),
    core("swap_on_the_1st", JANUARY, "100"),
    extra("swap_on_the_1st", "2025-04-01", "100", replaces_item_id="swap_on_the_1st"),
    core("swap_on_the_31st", JANUARY, "100"),
    extra("swap_on_the_31st", "2025-03-31", "100", replaces_item_id="swap_on_the_31st"),
    core("swap_after_a_gap", JANUARY, "100", "2025-03-10"),
    core("swap_after_a_gap", JANUARY, "10", item_id="gap_stays"),
    extra("swap_after_a_gap", "2025-04-10", "100", replaces_item_id="swap_after_a_gap"),
    # the line that is left grows by something else in the same month
    core("swap_and_grow", JANUARY, "100"),
    core("swap_and_grow", JANUARY, "200", "2025-03-20", item_id="grows"),
    core("swap_and_grow", "2025-03-20", "500", version_no=2, item_id="grows"),
    extra("swap_and_grow", "2025-03-10", "100", replaces_item_id="swap_and_grow"),
    # one item makes room for two
    core("swap_for_two", JANUARY, "100"),
    core("swap_for_two", "2025-03-10", "70", item_id="stays_behind", replaces_item_id="swap_for_two"),
    extra("swap_for_two", "2025-03-10", "50", replaces_item_id="swap_for_two"),
    # the catalogue says what the contracts do not
    core("succeeded", JANUARY, "100", "2025-04-10", product_id="classic"),
    extra("succeeded", "2025-04-10", "130", product_id="next"),
    core("before_succession", JANUARY, "100", "2025-03-10", product_id="classic"),
    extra("before_succession", "2025-03-10", "130", product_id="next"),
    core("succeeded_bit_by_bit", JANUARY, "10", "2025-04-10", product_id="classic", quantity="10"),
    core("succeeded_bit_by_bit", "2025-04-10", "10", version_no=2, product_id="classic", quantity="6"),
    extra("succeeded_bit_by_bit", "2025-04-10", "10", product_id="next", quantity="4"),
    # the catalogue moves a product, and a bundle is shared out anew
    core("reclassified", JANUARY, "100", product_id="moving"),
    core("bundled", JANUARY, "100", product_id="bundle"),
    # lines come and go
    core("comes_and_goes", JANUARY, "100"),
    extra("comes_and_goes", "2025-02-10", "50", "2025-03-10", end_reason="voluntary"),
    extra("comes_and_goes", "2025-05-10", "70", version_no=2),
    core("pauses_a_line", JANUARY, "100"),
    extra("pauses_a_line", JANUARY, "50", "2025-03-10"),
    extra("pauses_a_line", "2025-03-10", "50", "2025-05-10", version_no=2, status="paused"),
    extra("pauses_a_line", "2025-05-10", "50", version_no=3),
    core("tries_a_line", JANUARY, "100"),
    extra("tries_a_line", JANUARY, "50", "2025-03-10", status="trialing"),
    extra("tries_a_line", "2025-03-10", "50", version_no=2),
    core("whole_account", "2025-02-01", "100", "2025-03-10", end_reason="voluntary"),
    extra("whole_account", "2025-02-01", "50", "2025-03-10", end_reason="involuntary"),
    core("whole_account", "2025-05-10", "100", item_id="whole_again"),
    extra("whole_account", "2025-05-10", "60", item_id="whole_again_extra"),
    # price, seats, discounts, commitments: alone and at once
    core("seats", JANUARY, "10", "2025-03-10", quantity="10"),
    core("seats", "2025-03-10", "10", version_no=2, quantity="15"),
    core("price", JANUARY, "10", "2025-03-10", quantity="10"),
    core("price", "2025-03-10", "12", version_no=2, quantity="10"),
    core("price_and_seats", JANUARY, "10", "2025-03-10", quantity="10"),
    core("price_and_seats", "2025-03-10", "12", version_no=2, quantity="15"),
    core("price_up_seats_down", JANUARY, "10", "2025-03-10", quantity="10"),
    core("price_up_seats_down", "2025-03-10", "12", version_no=2, quantity="5"),
    core("renewal_with_more_seats", JANUARY, "10", quantity="10"),
    core("renewal_with_more_seats", "2025-03-10", "10", item_id="renewal", replaces_item_id="renewal_with_more_seats",
         quantity="15"),
    core("yearly_is_cheaper", JANUARY, "100", "2025-03-10"),
    core("yearly_is_cheaper", "2025-03-10", "1000", version_no=2, interval="year"),
    core("discount", JANUARY, "100"),
    core("seats_under_discount", JANUARY, "10", "2025-03-10", quantity="10"),
    core("seats_under_discount", "2025-03-10", "10", version_no=2, quantity="15"),
    core("free_line", JANUARY, "100"),
    extra("free_line", JANUARY, "50"),
    core("commits_more", JANUARY, "1", "2025-03-10", pricing_model="committed_usage", committed_amount="100"),
    core("commits_more", "2025-03-10", "1", version_no=2, pricing_model="committed_usage", committed_amount="160"),
    core("two_subscriptions", JANUARY, "100"),
    core("two_subscriptions", "2025-03-10", "40", "2025-05-10", item_id="second", subscription_id="second",
         cancel_requested_at="2025-05-01"),
    # money below zero, and two currencies in one line
    core("credit", JANUARY, "100"),
    extra("credit", JANUARY, "-20", "2025-03-10"),
    extra("credit", "2025-03-10", "-40", "2025-05-10", version_no=2),
    extra("credit", "2025-05-10", "30", version_no=3),
    core("two_currencies", JANUARY, "100"),
    core("two_currencies", JANUARY, "10", "2025-03-10", item_id="euros", currency="EUR", quantity="10"),
    core("two_currencies", "2025-03-10", "10", version_no=2, item_id="euros", currency="EUR", quantity="20"),
    core("changes_currency", JANUARY, "100", "2025-03-10"),
    core("changes_currency", "2025-03-10", "100", version_no=2, currency="EUR"),
    # recorded in June, in force since March
    core("back_dated", JANUARY, "100", "2025-03-10"),
    core("back_dated", "2025-03-10", "130", version_no=2, recorded_at="2025-06-05"),
    # segments
    core("moves_up", JANUARY, "100", "2025-03-10"),
    core("moves_up", "2025-03-10", "160", version_no=2),
    extra("moves_up", "2025-03-10", "30"),
    core("moves_and_returns", JANUARY, "100", "2025-02-10"),
    extra("moves_and_returns", "2025-03-20", "50"),
    core("moves_and_leaves", JANUARY, "100", "2025-03-20"),
]  # fmt: skip


def _off(number: int, target: str, value: str, begin: str, end: str | None = None) -> dict[str, Any]:
    return {"discount_id": f"m{number}", "item_id": target, "kind": "percent", "value": value, "duration": "repeating",
            "starts_on": begin, "ends_on": end}  # fmt: skip


DISCOUNTS: list[Row] = [
    _off(1, "discount", "10", "2025-03-01", "2025-05-01"),
    _off(2, "seats_under_discount", "10", JANUARY),
    _off(3, "free_line-extra", "100", "2025-03-01"),
]

MOVES = ("moves_up", "moves_and_returns", "moves_and_leaves")

MOVEMENTS: dict[str, list[Row]] = {
    "finance_state": [state("full", AS_OF, has_gl=False)],
    "lens_dimensions": [{"position": 1, "dimension": "size"}],
    "accounts": [{"account_id": name} for name in dict.fromkeys(str(row["account_id"]) for row in ITEMS)],
    "subscription_items": ITEMS,
    "discounts": DISCOUNTS,
    "products": [
        *PRODUCTS,
        {"product_id": "classic", "product_name": "Classic", "product_line": "Core", "is_recurring": True},
        {"product_id": "next", "product_name": "Next", "product_line": "Extra", "is_recurring": True},
    ],
    "product_succession": [{"from_product_id": "classic", "to_product_id": "next", "effective_date": "2025-04-01"}],
    "bundle_allocation": [
        {"bundle_product_id": "bundle", "product_line": line, "share": share, "valid_from": "2025-03-01"}
        for line, share in (("Core", "0.5"), ("Extra", "0.3"), ("Add-ons", "0.2"))
    ],
    "fx_rates": [
        {"rate_date": day, "from_currency": "EUR", "to_currency": "USD", "rate": rate, "rate_type": "month_end"}
        for day, rate in (("2025-01-31", "1.00"), ("2025-02-28", "1.10"), ("2025-03-31", "1.20"),
                          ("2025-04-30", "1.20"), ("2025-05-31", "1.20"), ("2025-06-30", "1.20"),
                          ("2025-07-15", "1.20"))
    ],
    "account_segments": [
        {"account_id": name, "dimension": "size", "value": size, "valid_from": begin, "valid_to": end}
        for name in MOVES
        for size, begin, end in (("smb", "2020-01-01", "2025-03-15"), ("mid", "2025-03-15", None))
    ],
}  # fmt: skip
