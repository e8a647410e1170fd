"""What is reported stays, what changed is accounted for: as-reported rows, restatements and the reported bridge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from assets.board.close import reopen_month
from support.closing import Books
from support.money_world import Query, item
from support.raw_money import Row, state

Tables = dict[str, list[Row]]


def rate(day: str, value: str) -> Row:
    return {"rate_date": day, "from_currency": "EUR", "to_currency": "USD", "rate": value, "rate_type": "month_end"}


def segment(account: str, value: str) -> Row:
    return {"account_id": account, "dimension": "size", "value": value, "valid_from": "2020-01-01"}


def delivery(
    content: str, february: str, *changes: Row, gone: str = "", segments: dict[str, str] | None = None
) -> Tables:
    """One delivery of finance: the contracts of seven accounts, some of them changed, one of them perhaps gone."""
    items = [
        item("steady", "2025-01-01", "100"),
        item("euro", "2025-01-01", "33.3333", currency="EUR"),
        item("both", "2025-01-01", "10", currency="EUR"),
        item("cut", "2025-01-01", "50"),
        item("cut", "2025-01-01", "7", item_id="cut_extra", product_id="extra"),
        item("gone", "2025-01-01", "20", currency="EUR"),
        item("mover", "2025-01-01", "30"),
        item("discounted", "2025-01-01", "40"),
    ]
    changed = {row["item_id"]: row for row in changes}
    items = [changed.pop(row["item_id"], row) for row in items] + list(changed.values())
    accounts = [account for account in dict.fromkeys(str(row["account_id"]) for row in items) if account != gone]
    sizes = {"steady": "smb", "mover": "smb", "cut": "mid", **(segments or {})}
    return {
        "finance_state": [{**state("full", "2025-05-10", has_gl=False), "content_hash": content}],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": account} for account in accounts],
        "account_segments": [segment(account, value) for account, value in sizes.items()],
        "subscription_items": [row for row in items if row["account_id"] != gone],
        "products": [
            {"product_id": name.lower(), "product_name": name, "product_line": name, "is_recurring": True}
            for name in ("Core", "Extra")
        ],
        "discounts": [
            {"discount_id": "d1", "item_id": "discounted", "kind": "percent", "value": "50", "duration": "repeating",
             "starts_on": "2025-01-01"}
        ],
        "fx_rates": [
            rate("2025-01-31", "1.00"), rate("2025-02-28", february), rate("2025-03-31", "1.10"),
            rate("2025-04-30", "1.10"), rate("2025-05-10", "1.10"),
        ],
    }  # fmt: skip


BEFORE = delivery("s1", "1.10")
AFTER = delivery(
    "s2",
    "1.20",
    item("both", "2025-01-01", "15", currency="EUR"),
    item("cut", "2025-01-01", "45"),
    item("late", "2025-02-10", "5"),
    gone="gone",
    segments={"mover": "mid", "cut": "enterprise"},
)


AS_REPORTED = ("arr_month_as_reported", "board_metrics_as_reported", "arr_bridge_as_reported")


class Restated:
    """February and March closed with the first delivery; then the second one, refreshed twice."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self.books = Books(factory, "closes")
        self.nothing_closed = self.books.build(BEFORE, full=True)
        self.books.close("2025-02")
        self.books.close("2025-03")
        self.unchanged = self.books.build(BEFORE)
        self.query = self.books.build(AFTER)
        self.books.publish()
        self.again = self.books.build(AFTER)


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory) -> Restated:
    return Restated(tmp_path_factory)


REPORTED = "SELECT * FROM marts.arr_month_as_reported ORDER BY ALL"


def restatements(query: Query, month: str) -> dict[tuple[Any, ...], tuple[str, str, str]]:
    """(account, line, segment, cause) → as reported, restated, delta."""
    rows = query(
        "SELECT account_id, product_line, segment, cause, as_reported, restated, delta FROM marts.restatements"
        " WHERE month_start = ?",
        f"{month}-01",
    )
    return {tuple(row[:4]): tuple(str(value) for value in row[4:]) for row in rows}  # type: ignore[misc]


def test_with_nothing_closed_all_of_it_is_empty_and_not_judged(restated: Restated) -> None:
    for mart in ("month_closes", *AS_REPORTED, "restatements"):
        assert restated.nothing_closed(f"SELECT count(*) FROM marts.{mart}") == [(0,)], mart


def test_what_was_reported_is_what_was_published_and_never_moves(restated: Restated) -> None:
    columns = "month_start, account_id, product_line, currency, arr_local, gross_arr, arr, carr, fx_rate"
    published = restated.nothing_closed(
        f"SELECT {columns} FROM marts.fct_arr_month WHERE month_start IN ('2025-02-01', '2025-03-01') ORDER BY ALL"
    )
    assert restated.unchanged(f"SELECT {columns} FROM marts.arr_month_as_reported ORDER BY ALL") == published
    assert restated.query(REPORTED) == restated.again(REPORTED) == restated.unchanged(REPORTED)
    basis = restated.nothing_closed("SELECT source_hash, policy_hash FROM marts.money_basis")
    assert restated.query("SELECT DISTINCT source_hash, policy_hash FROM marts.arr_month_as_reported") == basis
    assert restated.query("SELECT DISTINCT run_id FROM marts.arr_month_as_reported ORDER BY 1") == [
        ("closing-2025-02",),
        ("closing-2025-03",),
    ]


def test_what_the_board_saw_stays_too(restated: Restated) -> None:
    columns = "period_type, period_start, metric_key, dimension, segment, scope, scope_key, value, numerator, status"
    seen = restated.nothing_closed(
        f"SELECT {columns} FROM marts.board_metrics WHERE period_start IN ('2025-02-01', '2025-03-01')"
        " AND period_type = 'month' OR period_start = '2025-01-01' AND period_type = 'quarter' ORDER BY ALL"
    )
    assert len(seen) > 10
    for query in (restated.unchanged, restated.again):
        assert query(f"SELECT {columns} FROM marts.board_metrics_as_reported ORDER BY ALL") == seen


def test_while_nothing_changed_nothing_is_restated(restated: Restated) -> None:
    assert restated.unchanged("SELECT count(*) FROM marts.restatements") == [(0,)]


def test_each_restatement_has_its_cause(restated: Restated) -> None:
    # 33.3333 × 12 = 399.9996, reported at 1.10 and restated at 1.20
    assert restatements(restated.query, "2025-02") == {
        ("euro", "Core", "all", "fx"): ("440.00", "480.00", "40.00"),
        ("both", "Core", "all", "fx"): ("132.00", "216.00", "12.00"),
        ("both", "Core", "all", "source"): ("132.00", "216.00", "72.00"),
        ("cut", "Core", "all", "source"): ("600.00", "540.00", "-60.00"),
        ("gone", "Core", "all", "fx"): ("264.00", "0.00", "24.00"),
        ("gone", "Core", "all", "source"): ("264.00", "0.00", "-288.00"),
        ("late", "Core", "all", "source"): ("0.00", "60.00", "60.00"),
        ("mover", "Core", "smb", "segment"): ("360.00", "0.00", "-360.00"),
        ("mover", "Core", "mid", "segment"): ("0.00", "360.00", "360.00"),
        ("cut", "Core", "mid", "segment"): ("600.00", "0.00", "-600.00"),
        ("cut", "Core", "enterprise", "segment"): ("0.00", "600.00", "600.00"),
        ("cut", "Extra", "mid", "segment"): ("84.00", "0.00", "-84.00"),
        ("cut", "Extra", "enterprise", "segment"): ("0.00", "84.00", "84.00"),
    }
    march = restatements(restated.query, "2025-03")
    assert march["gone", "Core", "all", "source"] == ("264.00", "0.00", "-264.00")
    assert "fx" not in {cause for *_, cause in march}


BY_LINE = """
    SELECT month_start, account_id, product_line, sum({amount}) FROM marts.{mart}
    WHERE month_start IN ('2025-02-01', '2025-03-01') GROUP BY ALL
"""


@pytest.mark.parametrize("build", ["unchanged", "query", "again"])
def test_restated_minus_as_reported_is_the_sum_of_restatements(restated: Restated, build: str) -> None:
    query: Query = getattr(restated, build)

    def amounts(mart: str, amount: str) -> dict[tuple[Any, ...], Decimal]:
        return {tuple(row[:3]): row[3] for row in query(BY_LINE.format(mart=mart, amount=amount))}

    reported, today = amounts("arr_month_as_reported", "arr"), amounts("fct_arr_month", "arr")
    deltas = amounts("restatements", "delta")
    for key in reported.keys() | today.keys():
        assert today.get(key, 0) - reported.get(key, 0) == deltas.get(key, 0), key
    assert sum(today.values()) - sum(reported.values()) == sum(deltas.values())
    judged = query("SELECT subject, is_configured, has_data, lines_off, bridge_lines_off FROM audit.audit_restatements")
    assert sorted(judged) == [
        ("closed month 2025-02-01", True, True, 0, 0),
        ("closed month 2025-03-01", True, True, 0, 0),
    ]


def test_every_segment_is_accounted_for_too(restated: Restated) -> None:
    """Segment moves, and what other causes changed in the segment an account is in today, are the whole difference."""
    rows = restated.query("""
        WITH parts AS (
            SELECT month_start, segment, sum(closing_arr) AS amount FROM marts.arr_by_segment
            WHERE month_start IN ('2025-02-01', '2025-03-01') GROUP BY ALL
            UNION ALL
            SELECT month_start, segment, -sum(closing_arr) FROM marts.arr_bridge_as_reported GROUP BY ALL
            UNION ALL
            SELECT month_start, segment, -sum(delta) FROM marts.restatements WHERE cause = 'segment' GROUP BY ALL
            UNION ALL
            SELECT r.month_start, coalesce(now.segment, reported.segment), -sum(r.delta)
            FROM marts.restatements r
            LEFT JOIN marts.dim_account_segment now
                ON now.account_id = r.account_id AND last_day(r.month_start) >= now.valid_from
                AND last_day(r.month_start) < now.valid_to
            LEFT JOIN staging.stg_closes__account_segments reported
                ON reported.account_id = r.account_id AND reported.month_start = r.month_start
            WHERE r.cause <> 'segment' GROUP BY ALL
        )
        SELECT month_start, segment, sum(amount) FROM parts GROUP BY ALL HAVING sum(amount) <> 0
    """)
    assert rows == []


def test_the_run_that_published_a_restatement_first_stays_known(restated: Restated) -> None:
    runs = "SELECT DISTINCT first_seen_run FROM marts.restatements"
    assert restated.query(runs) == restated.again(runs) == [("run-3",)]
    everything = "SELECT * FROM marts.restatements ORDER BY ALL"
    assert restated.query(everything) == restated.again(everything)


BRIDGE = "opening_arr + new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr + fx_arr"


def test_the_reported_bridge_carries_corrections_as_prior_period_adjustment(restated: Restated) -> None:
    """April is closed with the second delivery: what it corrected about March enters as adjustment."""
    books = restated.books
    books.close("2025-04")
    query = books.build(AFTER)
    off = query(
        f"SELECT * FROM marts.arr_bridge_as_reported WHERE {BRIDGE} + transfer_in_arr + transfer_out_arr"
        " + prior_period_adjustment_arr <> closing_arr"
    )
    assert off == []
    rows = query(
        "SELECT month_start::VARCHAR, segment, opening_arr, prior_period_adjustment_arr, closing_arr"
        " FROM marts.arr_bridge_as_reported"
    )
    found = {(month[:7], segment): tuple(map(str, amounts)) for month, segment, *amounts in rows}
    # the first closed month opens with what it was closed with
    assert found["2025-02", "smb"] == ("1560.00", "0.00", "1560.00")
    assert found["2025-03", "smb"] == ("1560.00", "0.00", "1560.00")
    # the mover is mid today; cut was 684 as mid and is 624 as enterprise; euros: both +66, gone −264, late +60
    assert found["2025-04", "smb"] == ("1560.00", "-360.00", "1200.00")
    assert found["2025-04", "mid"] == ("684.00", "-324.00", "360.00")
    assert found["2025-04", "enterprise"] == ("0.00", "624.00", "624.00")
    adjustment = sum(Decimal(amounts[1]) for (month, _), amounts in found.items() if month == "2025-04")
    restated_march = query("SELECT sum(delta) FROM marts.restatements WHERE month_start = '2025-03-01'")
    assert [(adjustment,)] == restated_march, "what was corrected before April was closed is in April's bridge"
    chain = query("""
        SELECT count(*) FROM marts.arr_bridge_as_reported now JOIN marts.arr_bridge_as_reported before
            ON now.month_start = before.month_start + INTERVAL 1 MONTH AND now.segment = before.segment
        WHERE now.opening_arr <> before.closing_arr
    """)
    assert chain == [(0,)]
    assert query("SELECT count(*) FROM marts.restatements WHERE month_start = '2025-04-01'") == [(0,)]


def test_a_month_closed_again_adds_a_close_and_the_new_one_stands(tmp_path_factory: pytest.TempPathFactory) -> None:
    books = Books(tmp_path_factory, "reopened")
    before = books.build(BEFORE)
    books.close("2025-02")
    reopen_month(books.home, "2025-02", "the rate was wrong", "reopening")
    opened = books.build(AFTER)
    assert opened("SELECT count(*) FROM marts.restatements") == [(0,)], "an open month is not restated"
    assert opened("SELECT count(*) FROM marts.arr_bridge_as_reported") == [(0,)]
    books.close("2025-02")
    query = books.build(AFTER)
    assert query("SELECT close_number, kind, why, is_in_force FROM marts.month_closes ORDER BY ALL") == [
        (1, "close", None, False),
        (2, "reopen", "the rate was wrong", False),
        (3, "close", None, True),
    ]
    february = "SELECT sum(arr) FROM marts.fct_arr_month WHERE month_start = '2025-02-01'"
    assert query("SELECT close_number, sum(arr) FROM marts.arr_month_as_reported GROUP BY ALL ORDER BY ALL") == [
        (1, *before(february)[0]),
        (3, *query(february)[0]),
    ]
    assert query("SELECT count(*) FROM marts.restatements") == [(0,)]


def test_policies_and_models_are_told_apart_from_the_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    books = Books(tmp_path_factory, "causes")
    books.build(BEFORE)
    books.close("2025-02")
    key = ("discounted", "Core", "all")
    policy = books.build(BEFORE, discounts="none")
    assert restatements(policy, "2025-02") == {(*key, "policy"): ("240.00", "480.00", "240.00")}
    # another version of the models that values a contract otherwise, from the same delivery
    same_delivery = delivery("s1", "1.10", item("discounted", "2025-01-01", "60"))
    models = books.build(same_delivery, definition="models-2")
    assert restatements(models, "2025-02") == {(*key, "definition"): ("240.00", "360.00", "120.00")}


def test_a_new_lens_dimension_opens_with_what_it_was_closed_with(tmp_path_factory: pytest.TempPathFactory) -> None:
    books = Books(tmp_path_factory, "dimensions")
    books.build(BEFORE)
    books.close("2025-02")
    more = {**BEFORE, "lens_dimensions": [*BEFORE["lens_dimensions"], {"position": 2, "dimension": "region"}]}
    books.build(more)
    books.close("2025-03")
    query = books.build(BEFORE)
    rows = query(
        "SELECT dimension, sum(opening_arr), sum(prior_period_adjustment_arr) FROM marts.arr_bridge_as_reported"
        " WHERE month_start = '2025-03-01' GROUP BY 1 ORDER BY 1"
    )
    assert [row[2] for row in rows] == [0, 0] and rows[0][1] == rows[1][1] > 0
    assert query("SELECT count(*) FROM marts.restatements") == [(0,)], "a dimension that is gone moves nobody"
