"""The main job on the sandbox company: what is published equals what was planted, whatever the order of refreshes."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import World

from support.line import hashes, lens, manifest, refresh, released
from support.sandbox import truth_of_small
from support.usage_identities import broken


def test_published_arr_is_the_planted_arr_to_the_cent(world: World) -> None:
    planted = {
        (row["month_start"], row["dimension"], row["segment"], row["product_line"]): Decimal(row["arr"])
        for row in truth_of_small()["closing_arr"]
    }
    with released(world.home) as con:
        rows = con.execute("""
            SELECT month_start::VARCHAR, dimension, segment, product_line, closing_arr
            FROM marts.arr_by_segment_and_product_line WHERE closing_arr <> 0
        """).fetchall()
    assert {tuple(row[:4]): row[4] for row in rows} == planted


def test_published_events_are_the_planted_events(world: World) -> None:
    planted = truth_of_small()["events"]["totals"]
    with released(world.home) as con:
        hours = con.execute(
            "SELECT sum(records), sum(staged), sum(duplicates), sum(late_resends), sum(quarantined)"
            " FROM marts.extraction_hours"
        ).fetchone()
        active = con.execute("SELECT sum(events) FROM marts.fct_user_activity_day").fetchone()
    repeated = planted["level_1_duplicates"] + planted["level_2_duplicates"]
    assert hours == (planted["records"], planted["staged"], repeated, planted["late_resends"], 0)
    assert active == (planted["external_active"],)


def test_published_users_are_the_planted_people(world: World) -> None:
    """Before login a device has an Amplitude id of its own: the person behind it counts once all the same."""
    planted = [(row["month_start"], row["active_users"]) for row in truth_of_small()["events"]["external_by_month"]]
    people = "SELECT date_trunc('month', local_date)::DATE::VARCHAR, count(DISTINCT user_key)"
    with released(world.home) as con:
        found = con.execute(f"{people} FROM marts.fct_user_activity_day GROUP BY ALL ORDER BY ALL").fetchall()
        monthly = con.execute("""
            SELECT period_start::VARCHAR, active FROM marts.active_usage
            WHERE period_grain = 'month' AND unit = 'user' AND is_total AND scope = 'all' ORDER BY ALL
        """).fetchall()
        report = con.execute("""
            SELECT sum(anonymous_events), sum(stitched_by_device), sum(left_anonymous),
                sum(uuid_duplicates), sum(insert_id_duplicates), sum(late_resends) FROM marts.identity_report
        """).fetchone()
    assert found == planted
    assert monthly == planted
    totals = truth_of_small()["events"]["totals"]
    repeats = [totals[name] for name in ("level_1_duplicates", "level_2_duplicates", "late_resends")]
    assert report == (totals["anonymous"], totals["anonymous"], 0, *repeats)


def test_published_adoption_is_the_planted_adoption(world: World) -> None:
    """Every feature's curve, in total and by segment: who may, who ever did, who does, and who may not but does."""
    counts = ("entitled_accounts", "adopted_ever", "current_accounts", "off_entitlement_accounts")
    planted = {
        (row["month_start"], row["dimension"], row["segment"], row["feature_key"]): tuple(row[name] for name in counts)
        for row in truth_of_small()["adoption"]
    }
    with released(world.home) as con:
        found = con.execute(f"""
            SELECT month_start::VARCHAR, dimension, segment, scope_key, {", ".join(counts)} FROM marts.adoption
            WHERE scope = 'feature'
        """).fetchall()
        listed = con.execute("""
            SELECT month_start::VARCHAR, 'all', 'all', feature_key, count_if(entitled),
                count_if(entitled AND first_used_on IS NOT NULL), count_if(state IN ('tried', 'established')),
                count_if(state = 'off_entitlement' AND days_28d > 0)
            FROM marts.account_adoption GROUP BY ALL
        """).fetchall()
        first_used = con.execute("""
            SELECT account_id, feature_key, min(first_used_on) FROM marts.account_adoption
            WHERE first_used_on IS NOT NULL GROUP BY ALL
        """).fetchall()
    assert {tuple(row[:4]): tuple(row[4:]) for row in found} == planted
    totals = {key: row for key, row in planted.items() if key[1] == "all"}
    assert {tuple(row[:4]): tuple(row[4:]) for row in listed if any(row[4:])} == totals
    adopted = truth_of_small()["adopted"]
    sent_by_others = {"export", "file_import"}  # kinds that more than one feature's rules match
    early = [
        row for row in first_used if row[1] not in sent_by_others and str(row[2]) < adopted[row[0]].get(row[1], "9999")
    ]
    assert early == [], "no account uses a feature before the day it was planted to adopt it"


def test_identities_of_usage_hold_in_the_release(world: World) -> None:
    with released(world.home) as con:
        assert broken(lambda sql: con.execute(sql).fetchall()) == {}


def test_the_release_vouches_for_itself(world: World) -> None:
    told = manifest(world.home)
    assert told.as_of == {"money": "2026-10-31", "usage": "2026-10-31", "joint": "2026-10-31"}
    assert not told.held_back
    # bills and a journal were planted that no contract explains: told, and published all the same
    off = {
        check["name"]: check["severity"] for check in told.checks if check["status"] not in ("pass", "not_configured")
    }
    assert off == dict.fromkeys(["arr_to_billing", "arr_to_billing_within_tolerance", "mrr_to_gl"], "warn")
    folder = (world.home / "serving" / "current").resolve()
    for name, file in told.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == file["sha256"], name
    with released(world.home) as con:
        for name, table in told.tables.items():
            assert con.execute(f"SELECT count(*) FROM marts.{name}").fetchone() == (table.rows,), name


def test_with_nothing_new_nothing_is_run(world: World) -> None:
    runs = sorted((world.home / "dagster" / "history" / "runs").glob("*.db"))
    again = lens("refresh", home=world.home, company=world.company)
    assert again.returncode == 0, again.stderr
    assert "Nothing new: release " in again.stdout
    assert sorted((world.home / "dagster" / "history" / "runs").glob("*.db")) == runs


@pytest.mark.slow
def test_one_more_day_equals_a_rebuild_of_everything(world: World, tmp_path: Path) -> None:
    from pipelines.sandbox.extra import extra_day

    later = world.copy(tmp_path)
    extra_day(later.company, date(2026, 11, 1), 400)
    outcome = refresh(later.home, later.company)
    assert outcome.code == 0, outcome.message
    assert manifest(later.home).as_of["usage"] == "2026-11-01"
    assert hashes(later.home) != hashes(world.home)
    fresh = tmp_path / "fresh"
    assert refresh(fresh, later.company).code == 0
    assert hashes(later.home) == hashes(fresh)


@pytest.mark.slow
def test_step_by_step_with_until_equals_all_at_once(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for until in ("2026-05-31", "2026-08-15", "2026-10-31"):
        outcome = refresh(home, world.company, until)
        assert outcome.code == 0, outcome.message
        assert manifest(home).as_of["usage"] == until
    assert hashes(home) == hashes(world.home)


@pytest.mark.slow
def test_money_that_moved_equals_a_rebuild_of_everything(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    items = later.company / "finance" / "subscription_items.csv"
    lines = items.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    quantity = header.index("quantity")
    changed = [line.split(",") for line in lines[1:]]
    for cells in changed[:20]:
        cells[quantity] = str(Decimal(cells[quantity]) + 1)
    items.write_text("\n".join([lines[0], *(",".join(cells) for cells in changed)]) + "\n", encoding="utf-8")
    totals = later.company / "finance" / "control_totals.csv"
    totals.write_text(totals.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    assert refresh(later.home, later.company).code == 0
    fresh = tmp_path / "fresh"
    assert refresh(fresh, later.company).code == 0
    assert hashes(later.home) == hashes(fresh)
    assert hashes(later.home)["fct_arr_month"] != hashes(world.home)["fct_arr_month"]
    assert hashes(later.home)["active_usage"] == hashes(world.home)["active_usage"]


def test_show_prints_the_planted_total(world: World) -> None:
    shown = lens("show", home=world.home, company=world.company)
    assert shown.returncode == 0, shown.stderr
    month = max(row["month_start"] for row in truth_of_small()["closing_arr"])
    total = sum(
        Decimal(row["arr"])
        for row in truth_of_small()["closing_arr"]
        if row["month_start"] == month and row["dimension"] == "size"
    )
    assert f"{total:,.0f}" in shown.stdout
    assert "checks:" in shown.stdout


def test_no_pipeline_code_finds_the_truth_file(world: World) -> None:
    assert "truth" not in {path.stem for path in world.company.rglob("*")}
    assert json.dumps(truth_of_small()["churn"]["monthly_base_hazard"]) not in manifest(world.home).to_json()
