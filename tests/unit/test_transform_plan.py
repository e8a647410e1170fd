"""A refresh folds in what changed: no date less, and few more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from assets.transform.plan import BEGINNING, local_dates, make_plan, write_plan
from assets.transform.project import unreached_by_events
from assets.transform.state import begin, commit, read_built

HASH = "models-1"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse as it is after a successful build: usage complete to 2026-10-20, one account that moved once."""
    with duckdb.connect() as con:
        con.execute("""
            CREATE SCHEMA raw; CREATE SCHEMA intermediate;
            CREATE TABLE raw.refresh AS SELECT 's1' AS settings_hash, 'b1' AS board_hash, NULL::DATE AS until;
            CREATE TABLE raw.company AS SELECT 'America/New_York' AS time_zone;
            CREATE TABLE raw.finance_state AS SELECT 'f1' AS content_hash, DATE '2026-09-30' AS as_of;
            CREATE TABLE raw.closes_state AS SELECT 'r1' AS run_id, 'models-1' AS definition_hash, '' AS token;
            CREATE TABLE raw.amplitude_sequence AS SELECT 7::BIGINT AS sequence;
            CREATE TABLE raw.amplitude_touched (occurred_hour TIMESTAMP);
            CREATE TABLE raw.amplitude_hours (upload_hour TIMESTAMP, state VARCHAR, sha256 VARCHAR, parts INTEGER);
            INSERT INTO raw.amplitude_hours VALUES ('2026-10-02 12:00', 'loaded', 'aa', 1);
            CREATE TABLE raw.accounts AS SELECT 'a1' AS account_id, false AS is_internal_test;
            CREATE TABLE raw.identity_map AS
                SELECT 'v1' AS amplitude_value, 'a1' AS account_id, NULL::DATE AS valid_from, NULL::DATE AS valid_to;
            CREATE TABLE raw.account_segments AS
                SELECT 'a1' AS account_id, 'size' AS dimension, 'smb' AS value, DATE '2026-01-01' AS valid_from,
                       NULL::DATE AS valid_to;
            CREATE TABLE raw.amplitude_merges AS SELECT 1 AS amplitude_id, 2 AS survivor;
            CREATE TABLE intermediate.int_usage__anonymous_day AS
                SELECT DATE '2026-10-01' AS local_date, 1 AS amplitude_id, 'd' AS device_id,
                       NULL::VARCHAR AS device_user_id, 'amplitude:2' AS user_key, 'anonymous' AS resolved_by;
            CREATE TABLE intermediate.int_usage__watermarks AS SELECT DATE '2026-10-20' AS usage_watermark;
            CREATE TABLE intermediate.int_usage__event_day AS
                SELECT unnest([DATE '2026-05-02', DATE '2026-10-20']) AS local_date,
                       unnest(['v2', 'v1']) AS account_group, '' AS account_property;
        """)
        commit(con, HASH, full_refresh=True)
        yield con


def test_with_nothing_changed_nothing_is_planned(con: duckdb.DuckDBPyConnection) -> None:
    plan = make_plan(con, HASH)
    assert not plan.full_refresh
    assert (plan.events, plan.activity, plan.marts_from, plan.adoption_from) == (frozenset(), frozenset(), None, None)
    write_plan(con, plan)
    assert con.execute("SELECT count(*) FROM raw.rebuild_plan").fetchone() == (0,)


def test_a_landed_hour_touches_its_local_date_and_windows_start_there(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.amplitude_sequence SET sequence = 8")
    con.execute("INSERT INTO raw.amplitude_touched VALUES ('2026-10-21 15:00'), ('2026-10-14 02:00')")
    plan = make_plan(con, HASH)
    assert plan.events == {date(2026, 10, 21), date(2026, 10, 13)}, "02:00 UTC is the evening before in New York"
    assert plan.activity == plan.events
    assert plan.marts_from == plan.adoption_from == date(2026, 10, 13)


def test_new_empty_hours_move_the_watermark_and_with_it_the_windows(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.amplitude_sequence SET sequence = 8")
    assert make_plan(con, HASH).marts_from == date(2026, 10, 21)


def test_an_hour_that_is_no_longer_final_pulls_the_windows_back(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.amplitude_sequence SET sequence = 8")
    con.execute("INSERT INTO raw.amplitude_hours VALUES ('2026-10-03 12:00', 'partial', 'bb', 1)")
    assert make_plan(con, HASH).marts_from == date(2026, 10, 3)


def test_a_newly_mapped_value_moves_activity_from_the_first_date_it_was_named(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO raw.identity_map VALUES ('v2', 'a1', NULL, NULL)")
    plan = make_plan(con, HASH)
    assert plan.events == frozenset()
    assert plan.activity == {date(2026, 5, 2), date(2026, 10, 20)}
    assert plan.marts_from == date(2026, 5, 2)


def test_a_segment_that_ends_moves_windows_from_its_end_only(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.account_segments SET valid_to = DATE '2026-10-15'")
    con.execute("INSERT INTO raw.account_segments VALUES ('a1', 'size', 'enterprise', DATE '2026-10-15', NULL)")
    assert make_plan(con, HASH).marts_from == date(2026, 10, 15)


def test_a_segment_that_is_corrected_moves_windows_from_its_start(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.account_segments SET value = 'enterprise'")
    assert make_plan(con, HASH).marts_from == date(2026, 1, 1)


def test_new_money_moves_adoption_but_not_activity(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.finance_state SET content_hash = 'f2'")
    plan = make_plan(con, HASH)
    assert (plan.marts_from, plan.adoption_from) == (None, BEGINNING)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE raw.refresh SET settings_hash = 's2'", "the company's settings or feature registry changed"),
        ("UPDATE raw.refresh SET until = DATE '2026-09-30'", "--until went back in time"),
        ("UPDATE raw.amplitude_sequence SET sequence = 3", "the lake was replaced"),
        ("UPDATE raw.amplitude_hours SET sha256 = 'cc'", "an upload hour was replaced"),
        ("DELETE FROM raw.amplitude_hours", "an upload hour was replaced"),
        ("DROP TABLE raw.built", "first build"),
        ("ALTER TABLE raw.built DROP COLUMN board_hash", "first build"),  # marks of an earlier version
        ("DROP TABLE intermediate.int_usage__event_day", "first build"),
    ],
)
def test_what_changes_everything_rebuilds_everything(con: duckdb.DuckDBPyConnection, change: str, reason: str) -> None:
    con.execute(change)
    plan = make_plan(con, HASH)
    assert (plan.full_refresh, plan.reason) == (True, reason)


def test_a_late_part_of_an_hour_rebuilds_only_what_it_touches(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.amplitude_hours SET sha256 = 'cc', parts = 2")
    assert not make_plan(con, HASH).full_refresh


def test_new_models_rebuild_everything(con: duckdb.DuckDBPyConnection) -> None:
    assert make_plan(con, "models-2").reason == "the models changed"


def test_until_moves_forward_without_a_rebuild(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.refresh SET until = DATE '2026-09-30'")
    commit(con, HASH, full_refresh=True)
    con.execute("UPDATE raw.refresh SET until = DATE '2026-10-31'")
    assert not make_plan(con, HASH).full_refresh
    built = read_built(con)
    assert built is not None and built.until == date(2026, 9, 30)


def test_half_hour_zones_touch_both_local_dates() -> None:
    assert local_dates([datetime(2026, 10, 1, 18)], "Asia/Kolkata") == {date(2026, 10, 1), date(2026, 10, 2)}
    assert local_dates([datetime(2026, 11, 1, 4)], "America/New_York") == {date(2026, 11, 1)}


def test_new_events_keep_the_money_models_and_new_money_does_not(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.amplitude_sequence SET sequence = 8")
    assert make_plan(con, HASH).keeps_money
    con.execute("UPDATE raw.finance_state SET as_of = DATE '2026-10-31'")
    assert not make_plan(con, HASH).keeps_money


@pytest.mark.parametrize(
    "change",
    ["closes_state SET token = '~seal', run_id = 'r2'", "refresh SET board_hash = 'b2'"],
    ids=["a closed month", "another choice or definition of the board's metrics"],
)
def test_what_only_money_depends_on_builds_the_money_models_and_nothing_else(
    con: duckdb.DuckDBPyConnection, change: str
) -> None:
    con.execute(f"UPDATE raw.{change}")
    plan = make_plan(con, HASH)
    assert (plan.full_refresh, plan.keeps_money) == (False, False)
    assert (plan.events, plan.activity, plan.adoption_from) == (frozenset(), frozenset(), None)


def test_a_build_that_did_not_end_is_made_good(con: duckdb.DuckDBPyConnection) -> None:
    begin(con, HASH)
    plan = make_plan(con, HASH)
    assert (plan.full_refresh, plan.keeps_money) == (False, False), "the same inputs: built again, not from scratch"
    con.execute("UPDATE raw.finance_state SET content_hash = 'f2'")
    begin(con, HASH)
    con.execute("UPDATE raw.finance_state SET content_hash = 'f1'")
    plan = make_plan(con, HASH)
    assert (plan.full_refresh, plan.reason) == (True, "a build from other inputs did not end"), (
        "the models may hold f2 although the last good build was of f1"
    )
    commit(con, HASH, full_refresh=True)
    assert make_plan(con, HASH).keeps_money


def test_a_killed_build_leaves_its_dates_and_what_it_replaced_to_the_next(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""
        CREATE TABLE intermediate.int_usage__identity_dates AS SELECT DATE '2026-09-09' AS local_date;
        CREATE TABLE intermediate.int_usage__rebuild_dates AS
            SELECT 'activity' AS layer, DATE '2026-09-10' AS local_date
            UNION ALL SELECT 'marts', DATE '2026-01-01';
        CREATE TABLE intermediate.int_usage__identity_day AS
            SELECT DATE '2026-10-21' AS local_date, 'u1' AS user_id, 1 AS amplitude_id, 'd' AS device_id;
        CREATE TABLE intermediate.int_usage__named_day AS
            SELECT DATE '2026-10-21' AS local_date, 'u1' AS user_key, 'a1' AS day_account_id, false AS marks_internal;
        INSERT INTO raw.amplitude_touched VALUES ('2026-10-21 15:00');
    """)
    assert make_plan(con, HASH).activity == {date(2026, 10, 21)}
    write_plan(con, make_plan(con, HASH))
    begin(con, HASH)
    con.execute("UPDATE intermediate.int_usage__identity_day SET device_id = 'e'")
    plan = make_plan(con, HASH)
    assert plan.activity == {date(2026, 10, 21), date(2026, 9, 9), date(2026, 9, 10)}
    assert plan.events == {date(2026, 10, 21)}
    write_plan(con, plan)
    before = "SELECT amplitude_id, device_id FROM raw.identities_before ORDER BY ALL"
    assert con.execute(before).fetchall() == [(1, "d"), (1, "e")]
    commit(con, HASH, full_refresh=False)
    assert con.execute(before).fetchall() == []


def test_only_models_that_no_event_reaches_may_be_kept(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    model = {"resource_type": "model"}
    graph = {
        "sources": {"s.events": {"source_name": "amplitude"}, "s.money": {"source_name": "finance"}},
        "nodes": {
            "m.arr": model | {"name": "arr"},
            "m.first": model | {"name": "first"},
            "m.use": model | {"name": "use"},
            "m.joint": model | {"name": "joint"},
            "t.test": {"resource_type": "test", "name": "test"},
        },
        "child_map": {
            "s.events": ["m.use"], "s.money": ["m.first"], "m.first": ["m.arr"], "m.arr": ["m.joint", "t.test"],
            "m.use": ["m.joint"],
        },
        "parent_map": {"m.arr": ["m.first"], "m.first": ["s.money"], "m.use": ["s.events"]},
    }  # fmt: skip
    manifest.write_text(json.dumps(graph))
    assert unreached_by_events(manifest) == ["first", "arr"], "parents first"
