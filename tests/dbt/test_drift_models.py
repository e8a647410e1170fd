"""Drift over handmade facts: what changed, since when, whose it is; and what is no drift."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.home import Home
from assets.warehouse import write
from checks.model import Verdict
from checks.runner import run
from checks.suites.drift import DRIFT

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MODELS = ("keys", "properties", "event_types", "volume")
LAST = date(2026, 10, 5)
RAW = """
CREATE SCHEMA audit; CREATE SCHEMA staging;
CREATE TABLE raw.company AS SELECT 'America/New_York' AS time_zone;
CREATE TABLE raw.amplitude_hours (upload_hour TIMESTAMP, state VARCHAR, staged BIGINT);
CREATE TABLE raw.amplitude_type_days (upload_day DATE, event_type VARCHAR, events BIGINT, sampled BIGINT);
CREATE TABLE raw.amplitude_property_days (
    upload_day DATE, event_type VARCHAR, property VARCHAR, value_type VARCHAR, events BIGINT);
CREATE TABLE raw.amplitude_key_samples (
    upload_hour TIMESTAMP, lines BIGINT, new_keys VARCHAR[], missing_keys VARCHAR[]);
CREATE TABLE staging.stg_company__feature_rules (
    feature_key VARCHAR, event_type VARCHAR, property VARCHAR, owner VARCHAR, team VARCHAR);
INSERT INTO staging.stg_company__feature_rules VALUES
    ('export', 'Report*', NULL, 'ann', 'reports'), ('plans', '*', 'plan', 'bob', NULL),
    ('share', 'Report Exported', 'seats', NULL, NULL), ('percent', '100%', NULL, 'eve', 'odd');
INSERT INTO raw.amplitude_hours
    SELECT TIMESTAMP '2026-08-01 00:00:00' + to_hours(i::INT), 'loaded', 100 + i % 24 FROM range(66 * 24) t(i);
INSERT INTO raw.amplitude_type_days
    SELECT DATE '2026-08-01' + i::INT, 'Report Exported', 500, 500 FROM range(66) t(i);
INSERT INTO raw.amplitude_property_days
    SELECT DATE '2026-08-01' + i::INT, 'Report Exported', property, 'number', 500
    FROM range(66) t(i), (VALUES ('plan'), ('seats'), ('size')) p(property);
INSERT INTO raw.amplitude_key_samples
    SELECT TIMESTAMP '2026-08-01 00:00:00' + to_hours(i::INT), 5, [], [] FROM range(66 * 24) t(i);
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """SQL of the models as dbt compiles it, run on many small worlds."""
    folder = tmp_path_factory.mktemp("drift")
    with write(folder / "warehouse.duckdb") as con:
        con.execute(RAW)
    done = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "compile", "--quiet", "--select", "audit_drift*",
         "--project-dir", PROJECT, "--profiles-dir", PROJECT,
         "--target-path", folder / "target", "--log-path", folder / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(folder / "warehouse.duckdb")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    yield {path.stem: path.read_text() for path in (folder / "target" / "compiled").rglob("audit_drift*.sql")}


class World:
    """A warehouse with the facts of two quiet months, changed by a test."""

    def __init__(self, folder: Path, compiled: dict[str, str], *changes: str) -> None:
        self.home = Home(folder / "lens")
        with write(self.home.warehouse) as con:
            con.execute(RAW)
            for change in changes:
                con.execute(change)
            for name in (*(f"audit_drift_{model}" for model in MODELS), "audit_drift"):
                con.execute(f"CREATE TABLE audit.{name} AS {compiled[name]}")

    def drift(self) -> dict[str, list[str]]:
        with duckdb.connect(str(self.home.warehouse)) as con:
            rows = con.execute("SELECT kind, drift FROM audit.audit_drift WHERE drift IS NOT NULL").fetchall()
        return {kind: text.split("\n") for kind, text in rows}

    def verdicts(self) -> dict[str, Verdict]:
        return {verdict.name.removeprefix("drift_"): verdict for verdict in run(self.home, DRIFT)}


def test_two_quiet_months_are_no_drift(tmp_path: Path, compiled: dict[str, str]) -> None:
    world = World(tmp_path, compiled)
    assert world.drift() == {}
    assert {v.status for v in world.verdicts().values()} == {"pass"}


def test_changes_are_told_with_date_and_owner(tmp_path: Path, compiled: dict[str, str]) -> None:
    world = World(
        tmp_path, compiled,
        """UPDATE raw.amplitude_property_days SET value_type = 'text'
        WHERE property = 'plan' AND upload_day >= '2026-10-03'""",
        "INSERT INTO raw.amplitude_property_days VALUES ('2026-10-04', 'Report Exported', 'seats', 'list', 10)",
        # a stray value shows for the first time what was mixed before, perhaps
        "INSERT INTO raw.amplitude_property_days VALUES ('2026-10-04', 'Report Exported', 'size', 'text', 2)",
        # a new property is no changed one
        "INSERT INTO raw.amplitude_property_days VALUES ('2026-10-04', 'Report Exported', 'colour', 'text', 10)",
        "INSERT INTO raw.amplitude_type_days VALUES ('2026-10-02', '100%', 7, 7), ('2026-10-03', 'Wave', 1, 1)",
        "INSERT INTO raw.amplitude_key_samples VALUES ('2026-10-01 05:00:00', 5, ['$fresh'], ['dma'])",
        "UPDATE raw.amplitude_hours SET staged = 900 WHERE upload_hour = '2026-10-05 09:00:00'",
        "UPDATE raw.amplitude_hours SET staged = 0, state = 'empty' WHERE upload_hour = '2026-10-04 10:00:00'",
        "UPDATE raw.amplitude_hours SET staged = 0, state = 'partial' WHERE upload_hour = '2026-10-04 11:00:00'",
    )  # fmt: skip
    assert world.drift() == {
        "property_types": [
            "property seats of event Report Exported changed from number to list on 2026-10-04 (1 % of the events"
            " since); owner: data team (feature share), team reports (feature export)",
            "property plan of event Report Exported changed from number to text on 2026-10-03 (every event since);"
            " owner: bob (feature plans), team reports (feature export)",
        ],
        "event_types": [
            "new event Wave since 2026-10-03 (1 events), matched by features.csv; owner: bob (feature plans)",
            "new event 100% since 2026-10-02 (7 events), matched by features.csv;"
            " owner: bob (feature plans), team odd (feature percent)",
        ],
        "new_keys": ["the export has a new key $fresh since 2026-10-01 (in 1 upload hours); owner: data team"],
        "missing_keys": ["the export lacks the key dma since 2026-10-01 (in 1 upload hours); owner: data team"],
        "volume": [
            "2026-10-05 09:00 UTC has 900 events, usually 109 (median of 8 weeks): too many; owner: data team",
            "2026-10-04 10:00 UTC has 0 events, usually 110 (median of 8 weeks): too few; owner: data team",
        ],
    }
    verdicts = world.verdicts()
    assert {v.status for v in verdicts.values()} == {"fail"}
    assert not any(v.blocks for v in verdicts.values())
    assert "property seats of event Report Exported" in verdicts["property_types"].message
    assert "changed from number to text on 2026-10-03" in str(verdicts["property_types"].failing_rows)


def test_what_changed_long_ago_is_no_news(tmp_path: Path, compiled: dict[str, str]) -> None:
    world = World(
        tmp_path, compiled,
        """UPDATE raw.amplitude_property_days SET value_type = 'text'
        WHERE property = 'plan' AND upload_day > '2026-09-19'""",
        "INSERT INTO raw.amplitude_type_days VALUES ('2026-09-20', 'Wave', 1, 1), ('2026-10-04', 'Wave', 1, 1)",
        "UPDATE raw.amplitude_key_samples SET new_keys = ['$fresh'] WHERE upload_hour >= '2026-09-20'",
        "UPDATE raw.amplitude_hours SET staged = staged + 5 + hour(upload_hour) WHERE upload_hour > '2026-10-01'",
    )  # fmt: skip
    assert world.drift() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["DELETE FROM raw.amplitude_hours"], "no_data not_configured"),
        (["DELETE FROM raw.amplitude_key_samples"], "no_data pass"),
        (["UPDATE raw.amplitude_type_days SET sampled = 0"], "no_data pass"),
        (["DELETE FROM raw.amplitude_hours WHERE upload_hour < '2026-09-29'"], "not_configured pass"),
        (["DELETE FROM raw.amplitude_hours WHERE upload_hour < '2026-09-20'"], "not_configured pass"),
        (["UPDATE raw.amplitude_hours SET state = 'partial' WHERE upload_hour >= '2026-09-29'"], "no_data pass"),
    ],
)  # fmt: skip
def test_nothing_to_judge_is_never_called_no_drift(
    tmp_path: Path, compiled: dict[str, str], changes: list[str], expected: str
) -> None:
    verdicts = World(tmp_path, compiled, *changes).verdicts()
    assert " ".join(sorted({v.status for v in verdicts.values()})) == expected


def test_hours_of_the_week_are_those_of_the_company(tmp_path: Path, compiled: dict[str, str]) -> None:
    """When the clocks change, a local peak moves by an hour of UTC: that is no drift."""
    peak = "timezone('America/New_York', timezone('UTC', upload_hour))"
    shift = datetime(2026, 11, 3) - datetime(2026, 10, 5)
    world: Any = World(
        tmp_path, compiled,
        f"UPDATE raw.amplitude_hours SET upload_hour = upload_hour + INTERVAL {shift // timedelta(days=1)} DAY",
        f"UPDATE raw.amplitude_hours SET staged = 5000 WHERE hour({peak}) = 9",
    )  # fmt: skip
    assert "volume" not in world.drift()
