"""The sandbox company as a whole: same seed, same bytes; built once; a complete company folder; ARR to the cent."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from assets.errors import InputError
from pipelines.sandbox.build import build, build_spec
from pipelines.sandbox.extra import extra_day, history_of
from pipelines.sandbox.spec import SIZES, SandboxSpec
from support.sandbox import members, records, rows, small_company, truth_of_small
from support.sandbox_money import arr_by_line

TABLES = {
    "accounts",
    "subscription_items",
    "account_segments",
    "products",
    "product_succession",
    "bundle_allocation",
    "discounts",
    "invoice_lines",
    "gl_revenue",
    "fx_rates",
    "identity_map",
    "entitlements",
    "control_totals",
}
TINY = SandboxSpec(months=4, accounts=20, events_per_day=60)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes_and_another_seed_another_company(tmp_path: Path) -> None:
    first, second = build_spec(tmp_path / "a", TINY, seed=3), build_spec(tmp_path / "b", TINY, seed=3)
    assert contents(first.root) == contents(second.root)
    other = build_spec(tmp_path / "c", TINY, seed=4)
    assert (
        contents(first.root)["company/finance/subscription_items.csv"]
        != contents(other.root)["company/finance/subscription_items.csv"]
    )


def test_a_second_build_touches_nothing_and_another_size_replaces_it(tmp_path: Path) -> None:
    paths = build_spec(tmp_path / "a", TINY)
    before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")}
    assert build_spec(tmp_path / "a", TINY) == paths
    assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")} == before
    build_spec(tmp_path / "a", TINY, seed=8)
    assert json.loads(paths.marker.read_text())["seed"] == 8
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        build(tmp_path, "small")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_failed_build_leaves_the_former_one_and_nothing_else(tmp_path: Path) -> None:
    paths = build_spec(tmp_path / "a", TINY)
    before = contents(paths.root)

    def stop(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_spec(tmp_path / "a", TINY, seed=9, progress=stop)
    assert contents(paths.root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_folder_is_complete() -> None:
    paths = small_company()
    company = yaml.safe_load((paths.company / "company.yaml").read_text(encoding="utf-8"))
    assert company["events"]["source"] == "export_archive"
    assert company["finance"]["as_of"] == date(2026, 10, 31)
    assert len(company["lens_dimensions"]) >= 2
    board = yaml.safe_load((paths.company / "board.yaml").read_text(encoding="utf-8"))
    assert all({"name", "refresh_days_before"} <= set(review) for review in board["reviews"])
    assert {path.stem for path in (paths.company / "finance").glob("*.csv")} == TABLES
    assert all(rows(paths, table) for table in TABLES)
    with (paths.company / "features.csv").open(encoding="utf-8", newline="") as file:
        features = list(csv.DictReader(file))
    assert len({row["feature_key"] for row in features}) >= 25
    assert len({row["product_line"] for row in features}) == 4
    assert all(row["owner"] and row["team"] for row in features)


def test_the_truth_lies_outside_the_company_folder() -> None:
    paths = small_company()
    assert paths.truth.parent == paths.company.parent
    assert not list(paths.company.rglob("*truth*"))


def test_control_totals_equal_arr_recomputed_from_the_tables() -> None:
    paths = small_company()
    controls = [row for row in rows(paths, "control_totals") if row["metric"] == "arr"]
    for month in sorted({row["month"] for row in controls}):
        lines = arr_by_line(paths, date.fromisoformat(month))
        reported = {row["product_line"]: Decimal(row["value"]) for row in controls if row["month"] == month}
        assert reported.pop("") == sum(lines.values())
        assert reported == lines
    assert len({row["month"] for row in controls}) >= SIZES["small"].months


def test_closing_arr_of_the_truth_adds_up_to_the_control_totals() -> None:
    controls = {
        row["month"]: Decimal(row["value"])
        for row in rows(small_company(), "control_totals")
        if row["metric"] == "arr" and not row["product_line"]
    }
    for dimension in ("size", "industry"):
        sums: dict[str, Decimal] = {}
        for row in truth_of_small()["closing_arr"]:
            if row["dimension"] == dimension:
                sums[row["month_start"]] = sums.get(row["month_start"], Decimal(0)) + Decimal(row["arr"])
        assert sums == {month: value for month, value in controls.items() if value}


def test_contract_rows_are_whole() -> None:
    paths = small_company()
    accounts = {row["account_id"] for row in rows(paths, "accounts")}
    last: dict[str, str] = {}
    for row in rows(paths, "subscription_items"):
        assert row["account_id"] in accounts
        assert not row["effective_to"] or row["effective_from"] < row["effective_to"]
        assert not row["service_end_date"] or row["effective_from"] < row["service_end_date"]
        assert last.get(row["item_id"], "") <= row["effective_from"], "versions of an item overlap"
        last[row["item_id"]] = row["effective_to"] or "9999"
    ends: dict[tuple[str, str], str] = {}
    for row in rows(paths, "account_segments"):
        key = (row["account_id"], row["dimension"])
        assert ends.get(key, row["valid_from"]) == row["valid_from"]
        ends[key] = row["valid_to"]


def test_the_small_company_lives_through_every_story() -> None:
    story = {note["what"] for note in truth_of_small()["story"]}
    assert story >= {
        "trial",
        "churn",
        "reactivation",
        "migration",
        "past_due",
        "paused",
        "flash_logo",
        "signed_not_live",
    }
    items = rows(small_company(), "subscription_items")
    assert {row["status"] for row in items} >= {"trialing", "active", "past_due", "paused", "future"}
    assert {row["interval"] for row in items} >= {"month", "year", "term"}
    assert {row["pricing_model"] for row in items} == {"licensed", "metered", "committed_usage"}
    assert {row["end_reason"] for row in items} >= {"voluntary", "involuntary", "replaced"}
    assert {row["currency"] for row in items} == {"USD", "EUR"}
    assert {row["duration"] for row in rows(small_company(), "discounts")} == {"once", "repeating", "forever"}
    assert truth_of_small()["segment_moves"]
    assert any(row["parent_account_id"] for row in rows(small_company(), "accounts"))
    assert "voice_commands" in truth_of_small()["never_seen_features"]


def test_planted_discrepancies_are_in_the_bills() -> None:
    lines = rows(small_company(), "invoice_lines")
    notes = truth_of_small()["billing_discrepancies"]
    assert {note["what"] for note in notes} == {
        "price_mismatch",
        "credit",
        "refund",
        "contract_without_bill",
        "bill_without_contract",
        "manual_journal",
    }
    for note in notes:
        if note["what"] in ("credit", "refund", "bill_without_contract"):
            assert any(
                line["item_id"] == note["item_id"]
                and line["invoice_date"] == note["on"]
                and line["amount"] == note["amount"]
                for line in lines
            ), note


def test_one_more_day_has_the_events_asked_for(tmp_path: Path) -> None:
    paths = build_spec(tmp_path / "a", history_of(10, 100, accounts=20))
    assert len({name.split("_")[1] for name, _ in members(paths.company / "events")}) in (11, 12)
    with pytest.raises(InputError, match="already in the history"):
        extra_day(paths.company, date(2026, 10, 31), 10)
    before = {record["uuid"] for _, record in records(paths.company / "events")}
    added = extra_day(paths.company, date(2026, 11, 1), 500)
    assert extra_day(paths.company, date(2026, 11, 1), 500).read_bytes() == added.read_bytes()
    (tmp_path / "one").mkdir()
    added.rename(tmp_path / "one" / added.name)
    new = [record for _, record in records(tmp_path / "one")]
    assert len(new) == 500
    assert not before & {record["uuid"] for record in new}
    hours = {record["server_upload_time"][:13] for record in new}
    assert min(hours) >= "2026-11-01 04" and max(hours) == "2026-11-02 04"  # 25 hours: clocks change on this day


def test_histories_of_different_length_share_contracts_and_volume(tmp_path: Path) -> None:
    short = build_spec(tmp_path / "short", history_of(10, 1_000, accounts=40))
    long = build_spec(tmp_path / "long", history_of(30, 1_000, accounts=40))
    for table in ("subscription_items", "accounts", "control_totals"):
        assert rows(short, table) == rows(long, table)
    counts = [
        json.loads(paths.truth.read_text())["events"]["totals"]["records"] / days
        for paths, days in ((short, 10), (long, 30))
    ]
    assert counts[0] == pytest.approx(counts[1], rel=0.1)
