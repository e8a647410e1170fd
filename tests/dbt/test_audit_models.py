"""The audit models and the suites together, over a handmade warehouse: what each wrong figure makes the checks say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.home import Home
from assets.warehouse import write
from checks.model import Verdict
from checks.runner import run
from checks.suites import SUITES
from support.audit_world import build_world

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
FRAMES = {suite.frame for suite in SUITES}
Compiled = dict[str, str]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    """SQL of the audit models as dbt compiles it: compiled once, run on many small worlds."""
    folder = tmp_path_factory.mktemp("audit")
    home = Home(folder)
    build_world(home.warehouse)
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [dbt, "compile", "--quiet", "--select", "models/audit", "--project-dir", PROJECT, "--profiles-dir", PROJECT,
         "--target-path", folder / "target", "--log-path", folder / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(home.warehouse)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = (folder / "target" / "compiled").rglob("models/audit/audit_*.sql")
    yield {path.stem: path.read_text() for path in found}


def judge(compiled: Compiled, folder: Path, *changes: str) -> dict[str, Verdict]:
    """Verdicts by check name (freshness by mart), after the audit models ran over a changed world."""
    home = Home(folder / "lens")
    build_world(home.warehouse, *changes)
    with write(home.warehouse) as con:
        con.execute("BEGIN")
        for name, sql in compiled.items():
            if f"audit.{name}" in FRAMES:  # the others list what was found wrong, and are part of the handmade world
                con.execute(f"CREATE TABLE audit.{name} AS {sql}")
        con.execute("COMMIT")
    verdicts = run(home, SUITES)
    return {v.asset[1] if v.name == "up_to_date" else v.name: v for v in verdicts}


def not_passing(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """Two days of history are too short for most kinds of drift, which have tests of their own."""
    young = {name for name, v in verdicts.items() if name.startswith("drift_") and v.status == "not_configured"}
    return {name: v.status for name, v in verdicts.items() if v.status != "pass" and name not in young}


def test_every_frame_of_the_suites_is_an_audit_model(compiled: Compiled) -> None:
    assert {f"audit.{name}" for name in compiled} >= FRAMES


def test_a_sound_warehouse_passes_every_check(compiled: Compiled, tmp_path: Path) -> None:
    verdicts = judge(compiled, tmp_path)
    assert not_passing(verdicts) == {}
    assert len(verdicts) == sum(len(suite.expectations) for suite in SUITES)


Change = tuple[str, dict[str, str]]
# Changes of one world touch different checks, so that each must be told on its own and none may hide another.
WORLDS: dict[str, list[Change]] = {
    "figures that are wrong": [
        # a cent off, though the mart calls it ok
        (
            "UPDATE marts.tie_out SET unexplained = -0.02 "
            "WHERE check_key = 'roll_forward' AND month_start = '2025-02-01'",
            {"roll_forward": "fail"},
        ),
        ("INSERT INTO audit.fx_missing VALUES ('2025-02-01', 'USD')", {"exchange_rates_present": "fail"}),
        ("INSERT INTO audit.items_unvalued VALUES ('i1', 'term_without_dates')", {"contract_rows_valued": "fail"}),
        # an hour that read one record more than it can account for
        (
            "UPDATE raw.amplitude_hours SET records = 13 WHERE upload_hour = '2025-02-28 05:00:00'",
            {"records_conserved": "fail"},
        ),
        (
            "UPDATE marts.active_usage SET period_start = '2025-02-27' WHERE period_grain = 'day'",
            {"active_usage": "fail"},
        ),
        ("UPDATE marts.fct_arr_month SET month_start = '2025-01-01'", {"fct_arr_month": "fail"}),
        ("UPDATE marts.arr_by_segment SET quick_ratio = 'inf'::DOUBLE", {"money_rates_finite": "fail"}),
        ("UPDATE marts.adoption SET adoption_rate = 1.01", {"joint_rates_within_bounds": "fail"}),
        ("INSERT INTO quality.quarantine VALUES ('finance', 'accounts')", {"quarantined_share_finance": "fail"}),
        ("UPDATE marts.restatements SET delta = 9.99 WHERE cause = 'source'", {"restatements_complete": "fail"}),
    ],
    "figures that are wrong in other ways": [
        # three hundredths over a tolerance of one is a failure, one and a half is a warning, whatever the mart calls it
        (
            "UPDATE marts.tie_out SET unexplained = 0.03 WHERE check_key = 'mrr_to_gl' AND month_start = '2025-02-01'",
            {"mrr_to_gl": "fail"},
        ),
        (
            "UPDATE marts.tie_out SET unexplained = -0.02 WHERE check_key = 'arr_to_billing'",
            {"arr_to_billing_within_tolerance": "fail"},
        ),
        ("UPDATE marts.tie_out SET status = 'fail' WHERE check_key = 'grains_agree'", {"grains_agree": "fail"}),
        # an event that was counted twice
        (
            "UPDATE intermediate.int_usage__event_day SET events = 241 WHERE local_date = '2025-02-28'",
            {"staged_events_counted": "fail"},
        ),
        # segments that lose more than they gain
        ("UPDATE marts.restatements SET delta = 80 WHERE delta = 90", {"restatements_complete": "fail"}),
        ("UPDATE marts.arr_bridge_as_reported SET opening_arr = 81", {"reported_bridge_adds_up": "fail"}),
        # money of a month that has not come
        ("UPDATE marts.arr_by_segment SET month_start = '2025-03-01'", {"arr_by_segment": "fail"}),
        ("UPDATE marts.adoption SET breadth = 'nan'::DOUBLE", {"joint_rates_finite": "fail"}),
        ("UPDATE marts.active_usage SET stickiness = -0.1", {"usage_rates_within_bounds": "fail"}),
        (
            "UPDATE raw.amplitude_hours SET quarantined = 1, erased = 0 WHERE upload_hour = '2025-02-28 05:00:00'",
            {"quarantined_share_amplitude": "fail"},
        ),
    ],
    "figures that are missing": [
        ("DELETE FROM marts.tie_out WHERE check_key = 'roll_forward'", {"roll_forward": "no_data"}),
        # a month whose ledger is not booked yet
        (
            "UPDATE marts.tie_out SET status = 'no_data', right_value = NULL, unexplained = NULL "
            "WHERE check_key = 'mrr_to_gl' AND month_start = '2025-02-01'",
            {"mrr_to_gl": "no_data", "mrr_to_gl_within_tolerance": "no_data"},
        ),
        (
            "UPDATE marts.tie_out SET status = 'no_data', unexplained = NULL "
            "WHERE check_key = 'control_total' AND month_start = '2025-01-01'",
            {"control_total": "no_data"},
        ),
        (
            "DELETE FROM intermediate.int_usage__event_day WHERE local_date = '2025-02-28'",
            {"staged_events_counted": "fail"},
        ),
        (
            "UPDATE intermediate.int_usage__watermarks SET usage_watermark = NULL, joint_watermark = NULL",
            {"active_usage": "no_data", "adoption": "no_data"},
        ),
        ("DELETE FROM marts.fct_feature_usage_day", {"usage_marts_filled": "fail"}),
        (
            "DELETE FROM marts.arr_by_product_line",
            {"money_marts_filled": "fail", "money_rates_finite": "no_data", "money_rates_within_bounds": "no_data"},
        ),
    ],
    "an hour that failed": [
        (
            "UPDATE raw.amplitude_hours SET state = 'failed', records = NULL, staged = NULL, duplicates = NULL, "
            "quarantined = NULL, erased = NULL WHERE upload_hour = '2025-02-28 05:00:00'",
            {"no_hour_holds_the_watermark": "fail"},
        ),
        ("UPDATE intermediate.int_usage__event_day SET events = 230 WHERE local_date = '2025-02-28'", {}),
    ],
    "no events yet": [
        (
            "DELETE FROM raw.amplitude_hours",
            dict.fromkeys(
                ["records_conserved", "no_hour_holds_the_watermark", "quarantined_share_amplitude"], "no_data"
            )
            | {"staged_events_counted": "no_data", "drift_new_keys": "no_data", "drift_missing_keys": "no_data"},
        ),
    ],
    "nothing wrong: nothing closed, no control totals, every event mapped, a month without money": [
        (
            "UPDATE marts.month_closes SET is_in_force = false",
            dict.fromkeys(["restatements_complete", "reported_bridge_adds_up"], "not_configured"),
        ),
        ("DELETE FROM marts.restatements", {}),
        ("DELETE FROM marts.arr_bridge_as_reported", {}),
        ("UPDATE staging.stg_finance__state SET has_control_totals = false", {"control_total": "not_configured"}),
        ("DELETE FROM marts.tie_out WHERE check_key = 'control_total'", {}),
        # no invoices at all, and a ledger from February on
        (
            "UPDATE marts.tie_out SET status = 'not_configured', unexplained = NULL WHERE check_key = 'arr_to_billing' "
            "OR check_key = 'mrr_to_gl' AND month_start = '2025-01-01'",
            dict.fromkeys(["arr_to_billing", "arr_to_billing_within_tolerance"], "not_configured"),
        ),
        ("DELETE FROM marts.unmapped_events", {}),
        # a month without money beside one with: it agrees with itself
        (
            "UPDATE marts.tie_out SET status = 'no_data', left_value = 0, right_value = NULL, unexplained = NULL "
            "WHERE month_start = '2025-01-01' AND check_key IN ('roll_forward', 'grains_agree')",
            {},
        ),
    ],
    "no finance": [
        (
            "UPDATE staging.stg_finance__state SET mode = 'none', has_control_totals = false",
            dict.fromkeys(
                ["roll_forward", "grains_agree", "control_total", "exchange_rates_present", "contract_rows_valued",
                 "arr_to_billing", "arr_to_billing_within_tolerance", "mrr_to_gl", "mrr_to_gl_within_tolerance",
                 "fct_arr_month", "arr_by_segment", "quarantined_share_finance", "money_rates_finite",
                 "money_rates_within_bounds", "money_marts_filled", "restatements_complete", "reported_bridge_adds_up"],
                "not_configured",
            ),
        ),
        *(
            (f"DELETE FROM marts.{table}", {})
            for table in ("tie_out", "fct_arr_month", "fct_arr_movement", "arr_by_segment", "arr_by_product_line",
                          "arr_by_segment_and_product_line", "month_closes", "restatements")
        ),
    ],
    "no feature registry": [
        # the joint rates that are left are those of retention, which money has without features
        ("DELETE FROM raw.feature_rules", {"adoption": "not_configured"}),
        *(
            (f"DELETE FROM marts.{table}", {})
            for table in ("adoption", "time_to_adopt", "fct_feature_usage_day", "dim_feature")
        ),
        (
            "DELETE FROM marts.revenue_retention",
            dict.fromkeys(["joint_rates_finite", "joint_rates_within_bounds"], "not_configured"),
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_each_wrong_figure_is_told(compiled: Compiled, tmp_path: Path, world: str) -> None:
    verdicts = judge(compiled, tmp_path, *(change for change, _ in WORLDS[world]))
    expected = {name: status for _, told in WORLDS[world] for name, status in told.items()}
    assert not_passing(verdicts) == expected
