"""Do those who use it churn less: feature scopes of retention against a plain count of accounts, and a small story."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import raw_money, raw_usage
from support.adopter_reference import adopter_retention
from support.adoption_reference import Adoption
from support.usage_loader import Loader
from support.usage_reference import Reference
from support.usage_world import START, UsageHome, company_tables, events, ledger, merges

Row = dict[str, Any]
SLOWER, DAYS = 3, 222
KEY = "month_start, window_months, dimension, segment, scope, scope_key, adopter"
FIGURES = "cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, cross_sell_arr"
FEATURES = "scope IN ('feature', 'feature_set')"
JOINT = "SELECT usage_watermark, joint_watermark FROM intermediate.int_usage__watermarks"


def slowly(seed: int) -> list[Row]:
    """The usage world's events, spread over eight months: adoption looks ninety days back."""
    rows = []
    for event in events(seed):
        moment = START + SLOWER * (event["occurred_at"] - START)
        rows.append({**event, "occurred_at": moment, "upload_hour": moment.replace(minute=0, second=0, microsecond=0)})
    return rows


def tables(**overrides: Any) -> Row:
    """The usage world with money from March 2024 to July 2025 that comes, goes and changes lines, in families."""
    made: Row = company_tables(**overrides)
    parents = {"a1": "a0", "a3": "a2"}
    made["accounts"] = [{**row, "parent_account_id": parents.get(row["account_id"])} for row in made["accounts"]]
    made["arr_month"] = [
        {"month": date(2024 + (month - 1) // 12, (month - 1) % 12 + 1, 1), "account_id": f"a{n}",
         "product_line": line, "currency": "USD", "arr": 100 * n + 40 + 7 * ((month * (n + 3)) % 5)}
        for month in range(3, 20) for n in range(6) for line in ("core", "plus")
        if (5 * n + month + len(line)) % 4 and (n + month // 3) % 5
    ]  # fmt: skip
    made["entitlements"] += [
        {"account_id": f"a{n}", "product_line": line, "feature_key": None, "seats": 5, "valid_from": date(2024, n, 10),
         "valid_to": date(2024, 8, 20) if n == 4 else None}
        for n, line in ((1, "core"), (3, "core"), (4, "plus"), (5, "plus"), (5, "extra"))
    ]  # fmt: skip
    return made


# money speaks on after usage ends, so that there is a window of twelve months; then usage after money
@pytest.mark.parametrize(("basis", "as_of"), [("entitlements", "2025-07-10"), ("subscription", "2024-08-20")])
def test_every_cell_is_what_a_plain_count_of_accounts_says(
    basis: str, as_of: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = tables() | {"amplitude_events": slowly(3), "amplitude_hours": ledger(DAYS - 2)}
    made |= {"finance_state": [raw_money.state("minimum", as_of, has_entitlements=basis == "entitlements")]}
    home = UsageHome(tmp_path / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage")
    home.fill(made)
    home.run(full_refresh=True)
    ((watermark, joint),) = home.query(JOINT)
    money = home.query("SELECT month_start, account_id, product_line, arr FROM marts.fct_arr_month")
    adoption = Adoption(Reference(made, watermark), {row[:3]: row[3] for row in money}, joint, basis)
    found = {row[:7]: row[7:] for row in home.query(
        f"SELECT {KEY}, {FIGURES}, is_complete FROM marts.revenue_retention WHERE {FEATURES}"
    )}  # fmt: skip
    expected = adopter_retention(home.query, adoption, START.date())
    assert {key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys()
            if expected.get(key) != found.get(key)} == {}  # fmt: skip
    assert len(found) > 200
    assert {key[-1] for key in found} == {True, False} and {row[-1] for row in found.values()} == {True, False}


@pytest.mark.slow
def test_any_chunking_ends_in_the_same_rows(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A late event, a watermark that moves on and money that moves each redo what they bear on; nothing else does."""
    target, everything = tmp_path_factory.getbasetemp() / "dbt_usage", slowly(4)
    by_date = sorted(everything, key=lambda event: event["occurred_at"])
    late, first, second = by_date[100:110], [*by_date[:100], *by_date[110:300]], by_date[300:]
    parts = Loader(UsageHome(tmp_path / "parts.duckdb", target), tables())
    parts.load(first, ledger(150), "2024-12-31")
    parts.load(second, ledger(DAYS - 20), "2024-12-31", times=2)
    parts.load(late, ledger(DAYS - 2), "2024-12-31", merges=merges(0, 4))
    query = f"SELECT * FROM marts.revenue_retention WHERE {FEATURES} ORDER BY ALL"
    whole = Loader(UsageHome(tmp_path / "whole.duckdb", target), tables())
    whole.load(everything, ledger(DAYS - 2), "2024-12-31", merges=merges(0, 4))
    assert parts.home.query(query) == whole.home.query(query)
    parts.load([], ledger(DAYS - 2), "2025-07-10")
    whole = Loader(UsageHome(tmp_path / "later.duckdb", target), tables())
    whole.load(everything, ledger(DAYS - 2), "2025-07-10", merges=merges(0, 4))
    expected = whole.contents()["revenue_retention"]
    assert parts.contents()["revenue_retention"] == expected and len(expected) > 1000


def test_adopters_and_others_are_the_entitled_accounts_and_the_story_is_told(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Six accounts may use the report, three do: one of them leaves within three months, two of the others do. a5 used
    it a day too long ago to count; a6 pays and uses it, but may not."""
    end_of_may = datetime(2024, 5, 31, 16)  # noon in New York
    used_on = {"a0": 0, "a1": 40, "a2": 89, "a5": 90, "a6": 3}
    accounts = [f"a{n}" for n in range(7)]
    arr = {"a0": (100, 150), "a1": (200, 200), "a2": (300, 0), "a3": (400, 0), "a4": (500, 250), "a5": (600, 0),
           "a6": (900, 900)}  # fmt: skip
    made: Row = company_tables() | {
        "lens_dimensions": [{"position": 1, "dimension": "size"}],
        "accounts": [{"account_id": account, "is_internal_test": False} for account in accounts],
        "account_segments": [
            {"account_id": account, "dimension": "size", "value": "big" if account in ("a0", "a3") else "smb",
             "valid_from": date(2020, 1, 1)}
            for account in accounts
        ],
        "internal_rules": [],
        "identity_map": [{"account_id": account, "amplitude_value": f"org-{account}"} for account in accounts],
        "entitlements": [
            {"account_id": account, "feature_key": "report", "valid_from": date(2024, 5, 31)}
            for account in accounts[:6]
        ],
        "arr_month": [
            {"month": date(2024, month, 1), "account_id": account, "product_line": "core", "currency": "USD",
             "arr": before if month == 5 else after}
            for account, (before, after) in arr.items() for month in range(5, 9)
        ],
        "finance_state": [raw_money.state("minimum", "2024-08-31", has_entitlements=True)],
        "amplitude_events": [
            {"uuid": account, "upload_hour": moment.replace(minute=0), "occurred_at": moment, "session_id": 1,
             "is_time_corrected": False, "event_type": "Report Viewed", "feature_properties": {},
             "user_id": f"user of {account}", "account_group": f"org-{account}"}
            for account, days in used_on.items() for moment in [end_of_may - timedelta(days=days)]
        ],
        "amplitude_hours": raw_usage.hours(datetime(2024, 2, 1), datetime(2024, 9, 1, 3)),
    }  # fmt: skip
    home = UsageHome(tmp_path / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage")
    home.fill(made)
    home.run(full_refresh=True)

    def told(segment: str) -> dict[bool, tuple[Any, ...]]:
        rows = home.query(
            "SELECT adopter, cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, is_complete "
            "FROM marts.revenue_retention WHERE month_start = DATE '2024-08-01' AND window_months = 3 "
            f"AND segment = '{segment}' AND scope = 'feature' AND scope_key = 'report'"
        )
        return {row[0]: row[1:] for row in rows}

    assert told("all") == {True: (3, 2, 600, 350, 300, True), False: (3, 1, 1500, 250, 250, True)}
    assert told("big") == {True: (1, 1, 100, 150, 100, True), False: (1, 0, 400, 0, 0, True)}
    kept = home.query(
        "SELECT adopter, logo_retention, grr FROM marts.revenue_retention WHERE month_start = DATE '2024-08-01' "
        "AND window_months = 3 AND is_total AND scope_key = 'report' ORDER BY adopter DESC"
    )
    assert kept == [(True, 2 / 3, 0.5), (False, 1 / 3, 250 / 1500)]
    assert home.query(f"SELECT min(month_start)::VARCHAR FROM marts.revenue_retention WHERE {FEATURES}") == [
        ("2024-06-01",)
    ]
