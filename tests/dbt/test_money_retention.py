"""What became of earlier ARR: published examples, families, currencies, cross-selling, and the identities that tie
retention to the other money marts."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from support.money_companies import company
from support.money_examples import PRODUCTS
from support.money_world import Query, item, world
from support.raw_money import Row, state
from support.retention_reference import retention

COMPANIES = pytest.mark.parametrize("name", ["story", "journey", "sandbox"])
LINES = {"core": "Core", "extra": "Extra"}

# (source, start, kept flat, grown by, shrunk by, lost, NRR, GRR), the money of one segment each
PUBLISHED = {
    "pulserevops.com/sales-trainings/q97": (10_000_000, 1_800_000, 600_000, 900_000, "1.03", "0.85"),
    "maximcalculator.com gross-revenue-retention-grr": (50_000, 0, 2_000, 3_000, "0.90", "0.90"),
    "churnzero.net/churnopedia/net-revenue-retention": (27_000, 8_000, 0, 5_000, "1.1111", "0.8148"),
}


def base(items: list[Row], **more: list[Row]) -> dict[str, list[Row]]:
    """Raw tables of a company as of 15 March 2026 with these items."""
    accounts = dict.fromkeys(str(row["account_id"]) for row in items)
    tables: dict[str, list[Row]] = {
        "finance_state": [state("full", "2026-03-15", has_gl=False)],
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": account} for account in accounts],
        "subscription_items": items,
        "products": list(PRODUCTS),
    }
    return tables | more


def yearly(account: str, begin: str, amount: Any, end: str | None = None, **terms: Any) -> dict[str, Any]:
    return item(account, begin, str(amount), end, **{"interval": "year", **terms})


def changed(account: str, before: int, after: int, on: str = "2025-09-10", **terms: Any) -> list[Row]:
    """A yearly contract from January 2025 whose price changes; to zero, it ends."""
    rows = [yearly(account, "2025-01-01", before, on, **terms)]
    if after:
        rows.append(yearly(account, on, after, **{"version_no": 2, **terms}))
    return rows


def cell(query: Query, *key: Any) -> dict[str, Any]:
    """The row of (month, window, dimension, segment, scope, scope_key)."""
    names = [row[0] for row in query("DESCRIBE marts.revenue_retention")]
    rows = query(
        "SELECT * FROM marts.revenue_retention WHERE strftime(month_start, '%Y-%m') = ? AND window_months = ? "
        "AND dimension = ? AND segment = ? AND scope = ? AND scope_key = ?",
        *key,
    )
    return dict(zip(names, rows[0], strict=True)) if rows else {}


def total(query: Query, month: str, window: int, scope: str = "all", key: str = "all") -> dict[str, Any]:
    return cell(query, month, window, "all", "all", scope, key)


def test_published_examples(tmp_path_factory: pytest.TempPathFactory) -> None:
    items: list[Row] = []
    segments: list[Row] = []
    for number, (source, (start, grown, shrunk, lost, _, _)) in enumerate(PUBLISHED.items()):
        for what, before, after in (
            ("grows", 1_000, 1_000 + grown),
            ("shrinks", shrunk + 1, 1),
            ("leaves", lost, 0),
            ("stays", start - 1_000 - shrunk - 1 - lost, start - 1_000 - shrunk - 1 - lost),
        ):
            items += changed(f"{what}{number}", before, after)
            segments.append(
                {"account_id": f"{what}{number}", "dimension": "size", "value": source, "valid_from": "2020-01-01"}
            )
    # won within the window: no part of any of it
    items.append(yearly("won_later", "2025-06-01", 999_999))
    query = world(tmp_path_factory, "published_retention", base(items, account_segments=segments))
    for source, (start, _, _, _, nrr, grr) in PUBLISHED.items():
        found = cell(query, "2026-01", 12, "size", source, "all", "all")
        assert (found["start_arr"], found["cohort_accounts"], found["retained_accounts"]) == (start, 4, 3)
        assert (found["nrr"], found["grr"]) == pytest.approx((float(nrr), float(grr)), abs=5e-5)
        assert found["logo_retention"] == 0.75 and found["is_small"] and not found["is_total"]


def test_growth_in_a_family_makes_up_for_shrinkage_until_it_is_re_parented(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    items = [
        *changed("daughter", 1000, 400),
        *changed("son", 1000, 1500),
        *changed("son", 100, 10, item_id="son_extra", product_id="extra"),
        # won later: no part of the cohort, makes up for nothing
        yearly("grandchild", "2025-10-01", 5000),
        *changed("alone", 1000, 900),
    ]
    parents = {"parent": None, "daughter": "parent", "son": "parent", "grandchild": "son", "alone": None}
    accounts: list[Row] = [{"account_id": name, "parent_account_id": above} for name, above in parents.items()]
    together = world(tmp_path_factory, "family", base(items, accounts=accounts))
    found = total(together, "2026-01", 12)
    assert (found["start_arr"], found["end_arr"]) == (3100, 2810)
    assert found["capped_arr"] == 400 + 1510 + 900  # the family pays 1910 of 2100
    assert found["cohort_accounts"] == 3 and found["retained_accounts"] == 3
    # by line the family keeps 1900 of 2000 in Core and 10 of 100 in Extra
    assert total(together, "2026-01", 12, "product_line", "Core")["capped_arr"] == 1900 + 900
    assert total(together, "2026-01", 12, "product_line", "Extra")["capped_arr"] == 10

    accounts = [row | ({"parent_account_id": None} if row["account_id"] == "son" else {}) for row in accounts]
    apart = world(tmp_path_factory, "family_re_parented", base(items, accounts=accounts))
    found = total(apart, "2026-01", 12)
    assert found["capped_arr"] == 400 + 1100 + 900  # all of history, not from the date of the delivery on
    assert (found["start_arr"], found["end_arr"], found["nrr"]) == (3100, 2810, 2810 / 3100)


def test_a_family_is_capped_within_its_segment(tmp_path_factory: pytest.TempPathFactory) -> None:
    items = [*changed("daughter", 1000, 400), *changed("son", 1000, 1500)]
    segments: list[Row] = [
        {"account_id": name, "dimension": "size", "value": value, "valid_from": begin, "valid_to": end}
        for name, value, begin, end in (
            ("daughter", "smb", "2020-01-01", None),
            ("son", "mid", "2020-01-01", "2025-06-01"),
            ("son", "smb", "2025-06-01", None),
        )
    ]
    accounts: list[Row] = [
        {"account_id": "daughter", "parent_account_id": "son"},
        {"account_id": "son", "parent_account_id": None},
    ]
    query = world(tmp_path_factory, "family_segments", base(items, accounts=accounts, account_segments=segments))
    assert total(query, "2026-01", 12)["grr"] == 0.95
    by_segment = {name: cell(query, "2026-01", 12, "size", name, "all", "all") for name in ("smb", "mid")}
    # the son's segment is the one at the start of the window
    assert [by_segment[name]["grr"] for name in ("smb", "mid")] == [0.4, 1.0]
    assert cell(query, "2025-09", 1, "size", "smb", "all", "all")["grr"] == 0.95


def test_exchange_rates_do_not_move_retention(tmp_path_factory: pytest.TempPathFactory) -> None:
    rates: list[Row] = [
        {"rate_date": f"2025-{month:02}-{day}", "from_currency": "EUR", "to_currency": "USD",
         "rate": str(rate), "rate_type": "month_end"}
        for month, day, rate in (
            (1, 31, 1.1), (2, 28, 1.3), (3, 31, 0.7), (4, 30, 1.1234), (6, 30, 2), (7, 31, 2), (8, 31, 3),
            (9, 30, 3), (10, 31, 4), (11, 30, 1), (12, 31, 1),
        )
    ]  # fmt: skip
    items = [item("euro", "2025-01-01", "33.3333", currency="EUR"), yearly("dollar", "2025-01-01", 100)]
    query = world(tmp_path_factory, "retention_fx", base(items, fx_rates=rates))
    for month in ("2025-02", "2025-03", "2025-04", "2025-07", "2025-08"):
        found = total(query, month, 1)
        assert found["start_arr"] == found["end_arr"] and found["nrr"] == found["grr"] == 1
    assert total(query, "2025-02", 1)["start_arr"] == Decimal("620.00")
    # no rate at the end of May: the money is unknown, not lost
    assert [total(query, "2025-05", window)["start_arr"] for window in (1, 3)] == [100, 100]
    assert total(query, "2025-06", 1)["cohort_accounts"] == 1
    assert total(query, "2025-06", 3)["cohort_accounts"] == 2


def test_cross_sold_lines(tmp_path_factory: pytest.TempPathFactory) -> None:
    items = [
        *changed("swaps", 1000, 0),
        yearly("swaps", "2025-09-10", 600, item_id="swaps_extra", product_id="extra"),
        yearly("adds", "2025-01-01", 500),
        yearly("adds", "2025-06-01", 50, item_id="adds_extra", product_id="extra"),
        yearly("won_later", "2025-08-01", 70, product_id="extra"),
    ]
    query = world(tmp_path_factory, "cross_sell", base(items))
    found = total(query, "2026-01", 12)
    assert (found["start_arr"], found["end_arr"], found["cross_sell_arr"]) == (1500, 1150, 650)
    assert found["capped_arr"] == 600 + 500
    core, extra = (total(query, "2026-01", 12, "product_line", line) for line in ("Core", "Extra"))
    assert (core["cohort_accounts"], core["retained_accounts"], core["end_arr"], core["cross_sell_arr"]) == (
        2,
        1,
        500,
        0,
    )
    # nobody of the cohort held the line: what was sold into it, and no rates
    assert (extra["cohort_accounts"], extra["start_arr"], extra["cross_sell_arr"]) == (0, 0, 650)
    assert extra["nrr"] is extra["grr"] is extra["logo_retention"] is None
    quarter = total(query, "2026-01", 12, "acquisition_quarter", "2025-01-01")
    assert (quarter["start_arr"], quarter["cross_sell_arr"]) == (1500, 650)


def test_acquisition_quarters_are_fiscal_and_of_the_first_month_end_with_arr(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    items = [
        item("trial", "2025-04-20", "100", "2025-05-02", status="trialing"),
        item("trial", "2025-05-02", "100", version_no=2),
        # paid in April, but at no month end before July
        item("flash", "2025-04-02", "100", "2025-04-20"),
        item("flash", "2025-07-02", "100", version_no=2),
    ]
    query = world(tmp_path_factory, "fiscal_quarters", base(items), fiscal_year_starts_in=2)
    keys = query(
        "SELECT DISTINCT scope_key, cohort_accounts FROM marts.revenue_retention "
        "WHERE scope = 'acquisition_quarter' AND month_start = DATE '2026-01-01' AND window_months = 1 ORDER BY 1"
    )
    assert keys == [("2025-05-01", 2)]
    query = world(tmp_path_factory, "calendar_quarters", base(items))
    assert total(query, "2026-01", 1, "acquisition_quarter", "2025-04-01")["cohort_accounts"] == 1
    assert total(query, "2026-01", 1, "acquisition_quarter", "2025-07-01")["cohort_accounts"] == 1


def test_the_unfinished_month_is_marked(tmp_path_factory: pytest.TempPathFactory) -> None:
    query = world(tmp_path_factory, "cross_sell", {})
    found = query("SELECT month_start::VARCHAR FROM marts.revenue_retention WHERE NOT is_complete GROUP BY 1")
    assert found == [("2026-03-01",)]


def random_company(seed: int, accounts: int) -> dict[str, list[Row]]:
    """Contracts that start, change, swap, pause and end at random, in two currencies, in families and segments."""
    rng = random.Random(seed)
    items: list[Row] = []
    segments: list[Row] = []
    people: list[Row] = []
    for number in range(accounts):
        account = f"a{number:03}"
        above = f"a{rng.randrange(accounts):03}" if rng.random() < 0.4 else None
        people.append({"account_id": account, "parent_account_id": above})
        for product in rng.sample(["core", "extra", "moving", "bundle"], rng.randint(1, 3)):
            begin = (2025, rng.randint(1, 12))
            for version in range(rng.randint(1, 4)):
                end = (begin[0] + (begin[1] + 2) // 12, (begin[1] + 2) % 12 + 1)
                items.append(
                    item(
                        account, f"{begin[0]}-{begin[1]:02}-05", f"{rng.randint(1, 90_000) / 100}",
                        f"{end[0]}-{end[1]:02}-05", item_id=f"{account}-{product}", version_no=version + 1,
                        product_id=product, currency=rng.choice(["USD", "EUR"]),
                        status=rng.choice(["active", "active", "active", "paused"]),
                    )
                )  # fmt: skip
                begin = end
        for dimension in ("size", "industry"):
            change = f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            values = rng.sample(["red", "green", "blue"], 2)
            segments += [
                {"account_id": account, "dimension": dimension, "value": values[0], "valid_from": "2020-01-01",
                 "valid_to": change},
                {"account_id": account, "dimension": dimension, "value": values[1], "valid_from": change},
            ]  # fmt: skip
    rates: list[Row] = [
        {"rate_date": day, "from_currency": "EUR", "to_currency": "USD", "rate": f"{rng.uniform(0.5, 2):.8f}",
         "rate_type": "month_end"}
        for day in (*(f"2025-{m:02}-{d}" for m, d in zip(range(1, 13), (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
                    strict=True)), "2026-01-31", "2026-02-28", "2026-03-10")
    ]  # fmt: skip
    bundles: list[Row] = [
        {"bundle_product_id": "bundle", "product_line": line, "share": share, "valid_from": "2025-05-10"}
        for line, share in (("Core", "0.33"), ("Extra", "0.67"))
    ]
    dimensions: list[Row] = [{"position": 1, "dimension": "size"}, {"position": 2, "dimension": "industry"}]
    return base(
        items, accounts=people, account_segments=segments, fx_rates=rates, bundle_allocation=bundles,
        lens_dimensions=dimensions,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["story", "random"])
def test_every_cell_is_what_a_plain_count_of_accounts_says(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    if name == "story":
        query = company(tmp_path_factory, name)
    else:
        query = world(tmp_path_factory, "random_retention", random_company(4, 60), fiscal_year_starts_in=2)
    rows = query(
        "SELECT month_start, window_months, dimension, segment, scope, scope_key, cohort_accounts, retained_accounts, "
        "start_arr, end_arr, capped_arr, cross_sell_arr FROM marts.revenue_retention"
    )
    found = {row[:6]: row[6:] for row in rows}
    expected = retention(query)
    assert len(found) == len(rows) > 200
    assert {key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys()
            if expected.get(key) != found.get(key)} == {}  # fmt: skip


@COMPANIES
def test_lines_and_cross_selling_make_up_the_whole(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    figures = ", ".join(
        f"sum({figure}) FILTER (WHERE scope = '{{0}}') AS {figure}"
        for figure in ("start_arr", "end_arr", "cross_sell_arr", "capped_arr")
    )
    sums = f"SELECT month_start, window_months, dimension, segment, {figures} FROM marts.revenue_retention GROUP BY ALL"
    whole, lines, quarters = (sums.format(scope) for scope in ("all", "product_line", "acquisition_quarter"))
    assert query(f"SELECT count(*) > 20 FROM ({whole})") == [(True,)]
    keys = "(month_start, window_months, dimension, segment)"
    wrong = query(
        f"SELECT * FROM ({whole}) AS whole JOIN ({lines}) AS lines USING {keys} "
        f"JOIN ({quarters}) AS quarters USING {keys} WHERE lines.end_arr + lines.cross_sell_arr <> whole.end_arr "
        "OR lines.cross_sell_arr <> whole.cross_sell_arr OR lines.start_arr <> whole.start_arr "
        "OR quarters.start_arr <> whole.start_arr OR quarters.end_arr <> whole.end_arr "
        "OR quarters.cross_sell_arr <> whole.cross_sell_arr "
        "OR lines.capped_arr > whole.capped_arr OR quarters.capped_arr > whole.capped_arr"
    )
    assert wrong == []
    assert query("SELECT * FROM marts.revenue_retention WHERE grr > least(nrr, 1) + 1e-12") == []


@COMPANIES
def test_segments_make_up_the_total(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    query = company(tmp_path_factory, name)
    wrong = query(
        "SELECT month_start, window_months, scope, scope_key FROM marts.revenue_retention GROUP BY ALL "
        "HAVING (SELECT count(*) FROM raw.lens_dimensions) * sum(end_arr) FILTER (WHERE is_total) "
        "<> sum(end_arr) FILTER (WHERE NOT is_total) "
        "OR (SELECT count(*) FROM raw.lens_dimensions) * sum(cohort_accounts) FILTER (WHERE is_total) "
        "<> sum(cohort_accounts) FILTER (WHERE NOT is_total)"
    )
    assert wrong == []


@COMPANIES
def test_a_month_of_retention_is_the_bridge_without_what_was_won(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    query = company(tmp_path_factory, name)
    # story: pounds without a rate are held back in retention, and leave in the bridge
    held_back = "SELECT DISTINCT month_start FROM audit.fx_missing"
    wrong = query(
        "WITH bridge AS (SELECT month_start, sum(opening_arr + fx_arr) AS start_arr, sum(closing_arr - new_arr "
        "- reactivation_arr) AS end_arr, sum(opening_accounts) AS accounts, sum(opening_accounts - churned_accounts) "
        "AS retained FROM marts.arr_by_segment WHERE dimension = 'size' GROUP BY 1) "
        "SELECT month_start FROM marts.revenue_retention AS r JOIN bridge USING (month_start) "
        "WHERE is_total AND scope = 'all' AND window_months = 1 AND (r.start_arr, r.end_arr, r.cohort_accounts, "
        f"r.retained_accounts) IS DISTINCT FROM (bridge.start_arr, bridge.end_arr, bridge.accounts, bridge.retained) "
        f"AND month_start NOT IN ({held_back})"
    )
    assert wrong == []
