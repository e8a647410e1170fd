"""How product lines are won and lost, why, and what moves between them: one account a ruling."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.money_identities import broken
from support.money_world import Query, world
from support.movement_story import MOVEMENTS

Row = tuple[str, str, int, str | None]


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return world(tmp_path_factory, "movements", MOVEMENTS)


def lines(query: Query, account: str, month: str | None = "2025-03") -> list[tuple[Any, ...]]:
    """The product movements of an account in a month (None: in every month but the first), largest line name last."""
    rows = query(
        "SELECT strftime(month_start, '%Y-%m'), product_line, movement, arr_delta, reason FROM marts.fct_arr_movement "
        "WHERE account_id = ? AND grain = 'product' AND movement <> 'fx' AND month_start > '2025-01-01' ORDER BY ALL",
        account,
    )
    return [row if month is None else row[1:] for row in rows if month in (None, row[0])]


def test_every_identity_holds(query: Query) -> None:
    assert broken(query) == {}


OUT, IN, REPLACED = ("Core", "migration_out", -1200, "replacement"), "migration_in", "replacement"


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("swap_up", [OUT, ("Extra", IN, 1200, REPLACED), ("Extra", "upsell", 600, "plan")]),
        # Core ended wholly and Extra is new: still no churn and no cross-sell, for the customer moved
        ("swap_down", [("Core", "downsell", -480, "plan"), ("Core", "migration_out", -720, REPLACED),
                       ("Extra", IN, 720, REPLACED)]),
        ("swap_of_the_same_item", [OUT, ("Extra", IN, 1200, REPLACED)]),
        ("swap_twice", [OUT, ("Extra", IN, 1200, REPLACED)]),
        ("swap_on_the_1st", []),
        ("swap_on_the_31st", [OUT, ("Extra", IN, 1200, REPLACED)]),
        # two month ends say that one line was lost and, a month later, another one sold
        ("swap_after_a_gap", [("Core", "downsell", -1200, "item_ended")]),
        ("swap_and_grow", [OUT, ("Core", "upsell", 3600, "price"), ("Extra", IN, 1200, REPLACED)]),
        ("swap_for_two", [("Core", "migration_out", -360, REPLACED), ("Extra", IN, 360, REPLACED),
                          ("Extra", "upsell", 240, "plan")]),
    ],
)  # fmt: skip
def test_a_plan_swap_migrates_the_smaller_amount(query: Query, account: str, expected: list[Row]) -> None:
    assert lines(query, account) == expected


def test_a_swap_on_the_1st_belongs_to_the_month_it_begins(query: Query) -> None:
    assert lines(query, "swap_on_the_1st", "2025-04") == [OUT, ("Extra", IN, 1200, REPLACED)]
    assert lines(query, "swap_after_a_gap", "2025-04") == [("Extra", "cross_sell", 1200, None)]


def test_succession_names_what_contracts_do_not_from_its_date_on(query: Query) -> None:
    assert lines(query, "succeeded", "2025-04") == [
        ("Core", "migration_out", -1200, "succession"), ("Extra", IN, 1200, "succession"),
        ("Extra", "upsell", 360, "plan"),
    ]  # fmt: skip
    assert lines(query, "before_succession") == [
        ("Core", "product_churn", -1200, None), ("Extra", "cross_sell", 1560, None),
    ]  # fmt: skip
    assert lines(query, "succeeded_bit_by_bit", "2025-04") == [
        ("Core", "migration_out", -480, "succession"), ("Extra", IN, 480, "succession"),
    ]  # fmt: skip


def test_the_catalogue_sells_and_loses_nothing(query: Query) -> None:
    assert lines(query, "reclassified", None) == [
        ("2025-03", "Core", "migration_out", -1200, "reclassified"), ("2025-03", "Extra", IN, 1200, "reclassified"),
    ]  # fmt: skip
    assert lines(query, "bundled", None) == [
        ("2025-03", "Add-ons", IN, 240, "reclassified"), ("2025-03", "Core", "migration_out", -600, "reclassified"),
        ("2025-03", "Extra", IN, 360, "reclassified"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("comes_and_goes", [("2025-02", "Extra", "cross_sell", 600, None),
                            ("2025-03", "Extra", "product_churn", -600, "voluntary"),
                            ("2025-05", "Extra", "product_winback", 840, None)]),
        ("pauses_a_line", [("2025-03", "Extra", "product_churn", -600, "pause"),
                           ("2025-05", "Extra", "product_winback", 600, "resume")]),
        ("tries_a_line", [("2025-03", "Extra", "cross_sell", 600, None)]),
        ("whole_account", [("2025-02", "Core", "new_logo", 1200, None), ("2025-02", "Extra", "new_logo", 600, None),
                           ("2025-03", "Core", "logo_churn", -1200, "voluntary"),
                           ("2025-03", "Extra", "logo_churn", -600, "involuntary"),
                           ("2025-05", "Core", "reactivation", 1200, None),
                           ("2025-05", "Extra", "reactivation", 720, None)]),
        ("credit", [("2025-03", "Extra", "downsell", -240, "price"), ("2025-05", "Extra", "cross_sell", 840, "price")]),
        ("back_dated", [("2025-03", "Core", "upsell", 360, "price")]),
        ("free_line", [("2025-03", "Extra", "product_churn", -600, "to_free")]),
        ("two_subscriptions", [("2025-03", "Core", "upsell", 480, "item_added"),
                               ("2025-05", "Core", "downsell", -480, "voluntary")]),
    ],
)  # fmt: skip
def test_the_account_decides_before_the_line(query: Query, account: str, expected: list[tuple[Any, ...]]) -> None:
    assert lines(query, account, None) == expected


@pytest.mark.parametrize(
    ("account", "movement", "reason", "price", "seats", "discount", "other"),
    [
        ("seats", "upsell", "seats", 0, 600, 0, 0),
        ("price", "upsell", "price", 240, 0, 0, 0),
        ("price_and_seats", "upsell", "seats", 240, 720, 0, 0),
        ("price_up_seats_down", "downsell", "seats", 240, -720, 0, 0),
        ("renewal_with_more_seats", "upsell", "seats", 0, 600, 0, 0),
        ("yearly_is_cheaper", "downsell", "price", -200, 0, 0, 0),
        ("discount", "downsell", "discount", 0, 0, -120, 0),
        ("seats_under_discount", "upsell", "seats", 0, 540, 0, 0),
        ("commits_more", "upsell", "commitment", 0, 0, 0, 720),
        ("two_currencies", "upsell", "seats", 0, 1440, 0, 0),
        ("changes_currency", "upsell", "price", 240, 0, 0, 0),
    ],
)
def test_price_and_seats_are_told_apart(
    query: Query, account: str, movement: str, reason: str, price: int, seats: int, discount: int, other: int
) -> None:
    rows = query(
        "SELECT grain, movement, reason, price_arr, seats_arr, discount_arr, other_arr FROM marts.fct_arr_movement "
        "WHERE account_id = ? AND month_start = '2025-03-01' AND movement <> 'fx' ORDER BY 1",
        account,
    )
    whole = {"upsell": "expansion", "downsell": "contraction"}[movement]
    parts = (reason, price, seats, discount, other)
    assert rows == [("account", whole, *parts), ("product", movement, *parts)]


def test_a_discount_that_ends_says_so(query: Query) -> None:
    assert lines(query, "discount", "2025-05") == [("Core", "upsell", 120, "discount_expiry")]


def test_exchange_rates_of_two_currencies_in_one_line_stand_apart(query: Query) -> None:
    # 1200 dollars do not move; 1200 euros at 1.10 and then at 1.20
    rows = query(
        "SELECT grain, arr_delta FROM marts.fct_arr_movement WHERE account_id = 'two_currencies' AND movement = 'fx' "
        "AND month_start = '2025-03-01' ORDER BY 1"
    )
    assert rows == [("account", Decimal(120)), ("product", Decimal(120))]


def cell(query: Query, size: str, line: str) -> dict[str, Decimal]:
    """A cell of March, figures at zero left out."""
    names = [
        "opening_arr", "upsell_arr", "cross_sell_arr", "reactivation_arr", "logo_churn_arr", "transfer_in_arr",
        "transfer_out_arr", "closing_arr",
    ]  # fmt: skip
    rows = query(
        f"SELECT {', '.join(names)} FROM marts.arr_by_segment_and_product_line "
        "WHERE month_start = '2025-03-01' AND segment = ? AND product_line = ?",
        size,
        line,
    )
    return {name: value for name, value in zip(names, rows[0], strict=True) if value}


def test_line_movements_stay_in_the_opening_segment_and_closing_arr_is_transferred(query: Query) -> None:
    # moves_up: Core 1200 → 1920 and Extra 360 sold; moves_and_returns: Extra 600; moves_and_leaves: Core 1200 lost
    assert cell(query, "smb", "Core") == {
        "opening_arr": 2400, "upsell_arr": 720, "logo_churn_arr": -1200, "transfer_out_arr": -1920,
    }  # fmt: skip
    assert cell(query, "mid", "Core") == {"transfer_in_arr": 1920, "closing_arr": 1920}
    assert cell(query, "smb", "Extra") == {"cross_sell_arr": 360, "transfer_out_arr": -360}
    assert cell(query, "mid", "Extra") == {"reactivation_arr": 600, "transfer_in_arr": 360, "closing_arr": 960}


def test_a_product_line_rolls_forward_by_its_classes(query: Query) -> None:
    rows = query(
        "SELECT migration_in_arr, product_churn_arr, cross_sell_arr FROM marts.arr_by_product_line "
        "WHERE month_start = '2025-03-01' AND product_line = 'Add-ons'"
    )
    assert rows == [(240, 0, 0)]
