"""What moved ARR between month ends, why, and in which segment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.money_story import STORY
from support.money_world import Query, world


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return world(tmp_path_factory, "story", STORY)


def movements(query: Query, account: str) -> list[tuple[Any, ...]]:
    return query(
        "SELECT strftime(month_start, '%Y-%m'), movement, arr_delta, reason FROM marts.fct_arr_movement "
        "WHERE account_id = ? AND grain = 'account' ORDER BY 1",
        account,
    )


def test_a_trial_is_new_when_it_converts(query: Query) -> None:
    assert movements(query, "trial") == [("2025-02", "new", Decimal(1200), None)]


def test_a_pause_and_a_return(query: Query) -> None:
    assert movements(query, "pauser") == [
        ("2025-01", "new", Decimal(1200), None),
        ("2025-03", "churn", Decimal(-1200), "pause"),
        ("2025-06", "reactivation", Decimal(1440), "resume"),
    ]


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("leaver", "involuntary"),
        ("leaver_two_reasons", "voluntary"),
        ("asked_to_leave", "voluntary"),
        ("unpaid_leaver", "involuntary"),
        ("went_free", "to_free"),
        ("ends_on_the_31st", None),
    ],
)
def test_churn_says_why_where_the_source_tells(query: Query, account: str, reason: str | None) -> None:
    last = movements(query, account)[-1]
    assert (last[0], last[1], last[3]) == ("2025-03", "churn", reason)


def test_growth_and_shrinkage(query: Query) -> None:
    assert movements(query, "grower")[1:] == [("2025-03", "expansion", Decimal(720), "price")]
    assert movements(query, "shrinker")[1:] == [("2025-03", "contraction", Decimal(-720), "price")]


def segment(query: Query, month: str, name: str) -> dict[str, Any]:
    columns = [
        *(f"{name}_arr" for name in ("opening", "new", "expansion", "contraction", "churn", "transfer_in")),
        *("transfer_out_arr", "closing_arr", "opening_accounts", "churned_accounts", "transfer_in_accounts"),
        *("transfer_out_accounts", "closing_accounts", "arpa", "quick_ratio"),
    ]
    rows = query(
        f"SELECT {', '.join(columns)} FROM marts.arr_by_segment "
        "WHERE month_start = ? AND dimension = 'size' AND segment = ?",
        month,
        name,
    )
    return dict(zip(columns, rows[0], strict=True))


def test_movements_stay_in_the_opening_segment_and_closing_arr_is_transferred(query: Query) -> None:
    # grower: 1200 → 1920 and smb → mid; churned_and_moved: churns from smb; shrinker: 1200 → 480 in smb
    assert segment(query, "2025-03-01", "smb") == {
        "opening_arr": 3600, "new_arr": 0, "expansion_arr": 720, "contraction_arr": -720, "churn_arr": -1200,
        "transfer_in_arr": 0, "transfer_out_arr": -1920, "closing_arr": 480, "opening_accounts": 3,
        "churned_accounts": 1, "transfer_in_accounts": 0, "transfer_out_accounts": 1, "closing_accounts": 1,
        "arpa": 40, "quick_ratio": 720 / 1920,
    }  # fmt: skip
    assert segment(query, "2025-03-01", "mid") == {
        "opening_arr": 0, "new_arr": 0, "expansion_arr": 0, "contraction_arr": 0, "churn_arr": 0,
        "transfer_in_arr": 1920, "transfer_out_arr": 0, "closing_arr": 1920, "opening_accounts": 0,
        "churned_accounts": 0, "transfer_in_accounts": 1, "transfer_out_accounts": 0, "closing_accounts": 1,
        "arpa": 160, "quick_ratio": None,
    }  # fmt: skip


def test_an_assignment_that_ends_leads_to_unassigned(query: Query) -> None:
    assert segment(query, "2025-06-01", "smb")["transfer_out_arr"] == -480
    assert segment(query, "2025-06-01", "unassigned")["transfer_in_arr"] == 480


def test_flash_logos_are_won_and_lost_between_month_ends(query: Query) -> None:
    rows = query(
        "SELECT strftime(month_start, '%Y-%m'), segment, flash_logos FROM marts.arr_by_segment "
        "WHERE dimension = 'size' AND flash_logos > 0 ORDER BY 1"
    )
    assert rows == [("2025-02", "smb", 1), ("2025-04", "unassigned", 1)]
    assert movements(query, "flash") == []


def test_attach_rate_is_line_accounts_over_company_accounts(query: Query) -> None:
    rows = query(
        "SELECT closing_accounts, company_accounts, attach_rate FROM marts.arr_by_product_line "
        "WHERE month_start = '2025-01-01' AND product_line = 'Extra'"
    )
    ((line, company, rate),) = rows
    assert line == 2 and rate == line / company
    assert query(
        "SELECT count(*) FROM (SELECT account_id FROM marts.fct_arr_month WHERE month_start = '2025-01-01' "
        "GROUP BY 1 HAVING sum(arr) > 0)"
    ) == [(company,)]
