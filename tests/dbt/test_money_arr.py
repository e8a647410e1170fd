"""What a contract is worth at month end: intervals, statuses, discounts, service; one worked example a ruling."""

from __future__ import annotations

from decimal import Decimal

import pytest

from support.money_examples import EXAMPLES, Example, flat
from support.money_story import STORY
from support.money_world import Query, by_month, world


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return world(tmp_path_factory, "story", STORY)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.account)
def test_arr_of_a_worked_example(query: Query, example: Example) -> None:
    assert by_month(query, "arr", example.account) == dict(example.arr)


def test_gross_arr_is_before_discounts(query: Query) -> None:
    assert by_month(query, "gross_arr", "compound") == flat("1200")
    assert by_month(query, "gross_arr", "all_off") == flat("1200")


def test_a_subscription_amount_is_shared_pro_rata_to_gross(query: Query) -> None:
    rows = query(
        "SELECT product_line, arr FROM marts.fct_arr_month WHERE account_id = 'shared_amount' "
        "AND month_start = '2025-01-01' ORDER BY 1"
    )
    assert rows == [("Core", Decimal("1080.00")), ("Extra", Decimal("2160.00"))]


def test_bundles_are_shared_out_from_their_first_allocation_on(query: Query) -> None:
    rows = query(
        "SELECT strftime(month_start, '%Y-%m'), product_line, arr FROM marts.fct_arr_month "
        "WHERE account_id = 'bundled' AND month_start < '2025-03-01' ORDER BY 1, 2"
    )
    assert rows == [
        ("2025-01", "Core", Decimal(1200)),
        ("2025-02", "Add-ons", Decimal(240)),
        ("2025-02", "Core", Decimal(600)),
        ("2025-02", "Extra", Decimal(360)),
    ]
    thirds = query("SELECT DISTINCT arr FROM marts.fct_arr_month WHERE account_id = 'bundled_thirds'")
    assert thirds == [(Decimal("33.33"),)]


def test_a_product_counts_in_its_line_of_the_month(query: Query) -> None:
    rows = query(
        "SELECT product_line, min(month_start)::VARCHAR, sum(arr) FROM marts.fct_arr_month "
        "WHERE account_id = 'moved_line' GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("Core", "2025-01-01", Decimal(2400)), ("Extra", "2025-03-01", Decimal(6000))]
    unlisted = query("SELECT DISTINCT product_line FROM marts.fct_arr_month WHERE account_id = 'unlisted_product'")
    assert unlisted == [("unassigned",)]


def test_past_due_counts_and_is_told_apart(query: Query) -> None:
    assert by_month(query, "arr", "late_payer") == flat("1200")
    assert by_month(query, "arr_past_due", "late_payer") == flat("1200", 2)


def test_notice_lowers_contracted_arr_only(query: Query) -> None:
    assert by_month(query, "arr", "notice") == flat("1200", 1, 4)
    assert by_month(query, "arr_at_notice", "notice") == flat("1200", 2, 4)
    assert by_month(query, "carr", "notice") == flat("1200", 1, 1)


def test_a_signed_replacement_counts_once_against_notice_and_replaced_arr(query: Query) -> None:
    assert by_month(query, "arr", "signed") == flat("1200", 1, 3) | flat("3000", 4)
    assert by_month(query, "carr", "signed") == flat("1200", 1, 1) | flat("3000", 2)


def test_a_later_change_of_terms_is_no_new_contract(query: Query) -> None:
    assert by_month(query, "carr", "ramp") == flat("1200", 1, 4) | flat("2400", 5)


def test_an_announced_item_is_contracted_from_signature_and_live_from_its_start(query: Query) -> None:
    assert by_month(query, "arr", "announced") == flat("1200", 5)
    assert by_month(query, "carr", "announced") == flat("1200", 2)


def test_metered_usage_shows_as_run_rate_beside_arr(query: Query) -> None:
    expected = dict(zip([f"2025-{month:02}" for month in range(1, 6)], [40, 120, 240, 200, 120], strict=True))
    assert by_month(query, "usage_run_rate", "user") == expected
    assert query("SELECT DISTINCT product_line FROM marts.fct_arr_month WHERE account_id = 'user'") == [("Extra",)]
    assert by_month(query, "arr", "user") == {}


def test_what_cannot_be_valued_is_listed(query: Query) -> None:
    rows = query("SELECT account_id, problem FROM audit.items_unvalued")
    assert rows == [("other_currency", "discount_in_other_currency")]
