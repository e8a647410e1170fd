"""Publishing: what a release holds, which groups go out, and what it says about itself."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from assets.durable import sha256_of
from assets.errors import InputError
from assets.home import Home
from assets.serving import release as releases
from assets.serving.manifest import read_manifest
from assets.serving.release import NothingPublishable, current, list_releases, publish, rollback
from assets.serving.snapshot import ReleaseError
from assets.warehouse import write
from support.release_home import DOCS, GOOD, MARTS, Judged, fill, meta, publish_step, published


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lens")


def test_a_release_holds_every_mart_as_table_and_parquet_in_grain_order(home: Home) -> None:
    release = publish_step(home, 0)
    database = home.current / "product_lens.duckdb"
    assert home.current.is_symlink() and home.current.resolve() == release.path
    rows = published(database, "SELECT month_start, account_id FROM marts.fct_arr_month")
    assert len(rows) == 20 and rows == sorted(rows)
    parquet = home.current / "fct_arr_month.parquet"
    assert duckdb.sql(f"SELECT month_start, account_id FROM '{parquet}'").fetchall() == rows
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{parquet}')").fetchall()
    assert codecs == [("ZSTD",)]
    assert sorted(path.name for path in release.path.iterdir()) == sorted(
        ["manifest.json", "product_lens.duckdb", *(f"{name}.parquet" for names in MARTS.values() for name in names)]
    )


def test_comments_travel_and_the_storage_format_is_the_oldest(home: Home) -> None:
    publish_step(home, 0)
    database = home.current / "product_lens.duckdb"
    comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'fct_arr_month' AND column_name = 'arr'"
    assert published(database, comment) == [("Annual recurring revenue",)]
    table = "SELECT comment FROM duckdb_tables() WHERE table_name = 'fct_arr_month'"
    assert published(database, table) == [("ARR by month's end.",)]
    storage = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
    assert str(published(database, storage)[0][0]).startswith("v1.0.0")


def test_the_manifest_says_what_is_in_the_release(home: Home) -> None:
    release = publish_step(
        home, 0, Judged("fx", "money", status="pass"), Judged("held_hours", "usage", severity="warn")
    )
    raw = json.loads((home.current / "manifest.json").read_text())
    assert raw["release_id"] == release.id == "r000001-20250401T060000Z"
    assert raw["as_of"] == {"joint": "2025-03-30", "money": "2025-03-31", "usage": "2025-03-30"}
    assert raw["tables"]["fct_arr_month"]["rows"] == 20
    assert raw["tables"]["fct_arr_month"]["from_release"] == release.id
    assert {"name": "arr", "type": "DECIMAL(18,2)"} in raw["tables"]["fct_arr_month"]["columns"]
    assert raw["held_back"] == {} and raw["previous"] is None
    assert [check["status"] for check in raw["checks"]] == ["pass"] * 4 + ["fail"]
    assert (raw["contract_version"], raw["company"], raw["fingerprint"]) == ("1", "Acme", "inputs-0")
    for name, entry in raw["files"].items():
        path = release.path / name
        assert (entry["bytes"], entry["sha256"]) == (path.stat().st_size, sha256_of(path))
    assert set(raw["files"]) == {path.name for path in release.path.iterdir()} - {"manifest.json"}
    assert read_manifest(release.path) == release.manifest


def test_hashes_ignore_row_order_run_columns_and_integer_width_but_no_value(home: Home) -> None:
    def hashes(sql: str) -> str:
        with write(home.warehouse) as con:
            con.execute(sql)
        return publish(home, MARTS, GOOD, meta(), DOCS).manifest.tables["active_usage"].content_hash

    first = publish_step(home, 0).manifest.tables["active_usage"].content_hash
    select = "CREATE OR REPLACE TABLE marts.active_usage AS SELECT * {} FROM marts.active_usage ORDER BY {}"
    assert hashes(select.format("", "active DESC")) == first
    assert hashes(select.format("REPLACE (active::INTEGER AS active)", "active")) == first
    assert hashes(select.format("REPLACE (TIMESTAMP '2026-01-01 00:00:00' AS loaded_at)", "active")) == first
    assert hashes("UPDATE marts.active_usage SET active = 99 WHERE active = 3") != first


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("('a', 'b'), ('c', 'd')", "('a', 'd'), ('c', 'b')"),
        ("('', 'x')", "(NULL, 'x')"),
        ("('a', 'a')", "('a', 'a'), ('a', 'a'), ('a', 'a')"),
        ("('a' || chr(31) || '1:b', 'c')", "('a', 'b' || chr(31) || '1:c')"),
    ],
)
def test_hashes_tell_look_alikes_apart(tmp_path: Path, left: str, right: str) -> None:
    found = []
    for side, values in (("left", left), ("right", right)):
        home = Home(tmp_path / side)
        fill(home)
        with write(home.warehouse) as con:
            con.execute(f"CREATE OR REPLACE TABLE marts.adoption AS SELECT * FROM (VALUES {values}) t(x, y)")
        found.append(publish(home, MARTS, GOOD, meta()).manifest.tables["adoption"].content_hash)
    assert found[0] != found[1]


def test_a_second_publish_of_the_same_marts_has_the_same_hashes(home: Home) -> None:
    first, second = publish_step(home, 0), publish(home, MARTS, GOOD, meta(), DOCS)
    assert second.id != first.id and second.manifest.previous == first.id
    assert {n: t.content_hash for n, t in first.manifest.tables.items()} == {
        n: t.content_hash for n, t in second.manifest.tables.items()
    }


def test_a_held_back_group_keeps_its_former_tables_and_holds_the_joint_marts(home: Home) -> None:
    first = publish_step(home, 1)
    second = publish_step(home, 2, Judged("roll_forward", "money"))
    third = publish_step(home, 3, Judged("roll_forward", "money", status="no_data"))
    tables = third.manifest.tables
    assert {name: table.from_release for name, table in tables.items()} == {
        "fct_arr_month": first.id, "adoption": first.id, "dim_launch": first.id, "active_usage": third.id,
    }  # fmt: skip
    assert tables["fct_arr_month"] == first.manifest.tables["fct_arr_month"]
    assert third.manifest.as_of == {"money": "2025-04-01", "joint": "2025-03-31", "usage": "2025-04-02"}
    held = third.manifest.held_back
    assert held["money"].reasons[0]["check"] == "roll_forward" and held["money"].from_release == first.id
    assert held["joint"].reasons == [
        {"check": "money", "status": "held_back", "message": "joint marts are computed from money marts"}
    ]
    database = home.current / "product_lens.duckdb"
    assert published(database, "SELECT min(arr) FROM marts.fct_arr_month")[0][0] == 101
    assert published(database, "SELECT min(active) FROM marts.active_usage")[0][0] == 3
    assert second.manifest.previous == first.id


def test_a_group_that_never_went_out_is_absent_until_its_checks_pass(home: Home) -> None:
    release = publish_step(home, 0, Judged("conservation", "usage", status="error"))
    assert set(release.manifest.tables) == {"fct_arr_month"}
    assert release.manifest.held_back["usage"].from_release is None and release.manifest.as_of["usage"] is None
    assert set(publish_step(home, 1).manifest.tables) == {"fct_arr_month", "active_usage", "adoption", "dim_launch"}


def test_nothing_publishable_says_which_checks_and_which_release_stays(home: Home) -> None:
    bad = (Judged("roll_forward", "money"), Judged("conservation", "usage"))
    with pytest.raises(NothingPublishable, match=r"there is no release yet.*conservation, roll_forward"):
        publish_step(home, 0, *bad)
    assert current(home) is None
    first = publish_step(home, 1)
    with pytest.raises(NothingPublishable, match=f"release {first.id} stays") as caught:
        publish_step(home, 2, *bad)
    assert caught.value.current == first.id and set(caught.value.held_back) == set(MARTS)
    assert current(home) == first and list_releases(home) == [first]


def test_warnings_and_what_is_not_configured_hold_nothing_back(home: Home) -> None:
    verdicts = [Judged("share", "usage", severity="warn"), Judged("totals", "money", status="not_configured")]
    assert publish_step(home, 0, *verdicts).manifest.held_back == {}


def test_a_verdict_of_an_unknown_group_holds_the_group_of_its_mart_else_everything(home: Home) -> None:
    own = publish_step(home, 0, Judged("x", "elsewhere", asset=("marts", "active_usage")))
    assert set(own.manifest.held_back) == {"usage", "joint"}
    with pytest.raises(NothingPublishable):
        publish_step(home, 1, Judged("x", "elsewhere", asset=("finance", "accounts")))


def test_a_group_that_no_blocking_check_judged_does_not_go_out(home: Home) -> None:
    fill(home)
    with pytest.raises(NothingPublishable, match="no_check"):
        publish(home, MARTS, [], meta(), DOCS)
    release = publish(home, MARTS, [Judged("x", "usage", status="pass"), *GOOD[:1]], meta(), DOCS)
    assert set(release.manifest.tables) == {"fct_arr_month", "active_usage"}
    assert release.manifest.held_back["joint"].reasons[0]["message"].startswith("no blocking check judged the joint")


def test_rollback_walks_back_one_release_at_a_time_and_then_refuses(home: Home) -> None:
    ids = [publish_step(home, step).id for step in range(3)]
    assert rollback(home).id == ids[1] and home.current.resolve().name == ids[1]
    assert rollback(home).id == ids[0]
    with pytest.raises(InputError, match="no former release"):
        rollback(home)
    assert home.current.resolve().name == ids[0]
    assert rollback(home, to=ids[2]).id == ids[2]
    with pytest.raises(InputError, match="r000009-x is not kept"):
        rollback(home, to="r000009-x")


def test_after_a_rollback_the_next_release_returns_to_the_good_one(home: Home) -> None:
    good, bad = publish_step(home, 0), publish_step(home, 1)
    rollback(home)
    mended = publish_step(home, 2)
    assert mended.manifest.previous == good.id and mended.id > bad.id
    assert rollback(home).id == good.id


def test_rollback_without_any_release_is_refused(home: Home) -> None:
    with pytest.raises(InputError, match="no former release"):
        rollback(home)


def test_the_last_five_releases_are_kept_and_an_open_reader_keeps_reading(home: Home) -> None:
    first = publish_step(home, 0)
    reader = duckdb.connect(str(first.path / "product_lens.duckdb"), read_only=True)
    ids = [first.id, *(publish_step(home, step).id for step in range(1, 7))]
    assert [release.id for release in list_releases(home)] == ids[-5:]
    assert not first.path.exists()
    assert reader.execute("SELECT min(arr) FROM marts.fct_arr_month").fetchone() == (100,)
    reader.close()


def test_releases_that_rollback_would_reach_are_kept_beside_the_five_newest(home: Home) -> None:
    ids = [publish_step(home, step).id for step in range(5)]
    for _ in range(4):
        rollback(home)
    newest = publish_step(home, 6)
    assert newest.manifest.previous == ids[0]
    assert [release.id for release in list_releases(home)] == [*ids, newest.id]
    assert rollback(home).id == ids[0]


def test_a_missing_mart_and_a_type_that_old_readers_do_not_know_stop_the_publish(home: Home) -> None:
    fill(home)
    with write(home.warehouse) as con:
        con.execute("ALTER TABLE marts.active_usage ALTER active TYPE HUGEINT")
    with pytest.raises(ReleaseError, match=r"marts\.active_usage\.active is HUGEINT"):
        publish(home, MARTS, GOOD, meta())
    with write(home.warehouse) as con:
        con.execute("DROP TABLE marts.active_usage")
    with pytest.raises(ReleaseError, match=r"marts\.active_usage is due but was not built"):
        publish(home, MARTS, GOOD, meta())
    assert current(home) is None


def test_current_that_is_no_link_is_named_and_left_alone(home: Home) -> None:
    home.current.mkdir(parents=True)
    fill(home)
    with pytest.raises(ReleaseError, match="is not a link to a release"):
        publish(home, MARTS, GOOD, meta())


def test_only_one_process_publishes_at_a_time(home: Home) -> None:
    publish_step(home, 0)
    with releases._publishing(home), pytest.raises(InputError, match="another process is publishing"):
        rollback(home)


def test_links_are_relative_so_that_the_home_can_be_moved(home: Home, tmp_path: Path) -> None:
    release = publish_step(home, 0)
    assert home.current.readlink() == Path("releases") / release.id
    home.root.rename(tmp_path / "moved")
    moved = current(Home(tmp_path / "moved"))
    assert moved is not None and moved.manifest == release.manifest
