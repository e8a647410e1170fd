"""Building on the former release: only changed dates are rewritten, and the result equals a build from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.home import Home
from assets.serving import database, snapshot
from assets.serving.manifest import Release
from assets.serving.release import publish
from assets.warehouse import write
from support.release_home import DOCS, GOOD, MARTS, Judged, fill, meta, publish_step, published

CHANGES = {
    "nothing": "SELECT 1",
    "one value": "UPDATE marts.active_usage SET active = 99 WHERE period_start = '2025-01-05'",
    "two rows swap a value": "UPDATE marts.active_usage SET active = 17 - active WHERE active IN (8, 9)",
    "a date goes": "DELETE FROM marts.active_usage WHERE period_start = '2025-01-30'",
    "dates come": "INSERT INTO marts.active_usage SELECT * REPLACE (period_start + 30 AS period_start) "
    "FROM marts.active_usage WHERE active < 4",
    "a row comes twice": "INSERT INTO marts.active_usage SELECT * FROM marts.active_usage WHERE active = 3",
    "a date is forgotten": "UPDATE marts.active_usage SET period_start = NULL WHERE active IN (2, 20)",
    "only run metadata": "UPDATE marts.active_usage SET loaded_at = NULL WHERE active = 3",
    "most dates": "UPDATE marts.active_usage SET active = active + 1 WHERE period_start > '2025-01-03'",
    "a new column": "ALTER TABLE marts.active_usage ADD COLUMN sessions BIGINT DEFAULT 4",
    "another type": "ALTER TABLE marts.active_usage ALTER stickiness TYPE VARCHAR",
    "no rows": "DELETE FROM marts.active_usage",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Every mart counts as large: it is replaced date by date."""
    monkeypatch.setattr(database, "SMALL_ROWS", 0)
    return Home(tmp_path / "lens")


def rows(release: Release) -> list[tuple[object, ...]]:
    return published(release.path / "product_lens.duckdb", "SELECT * FROM marts.active_usage ORDER BY ALL")


@pytest.mark.parametrize("change", CHANGES)
def test_a_build_on_the_former_release_equals_a_build_from_nothing(home: Home, tmp_path: Path, change: str) -> None:
    anew = Home(tmp_path / "anew")
    publish_step(home, 0)
    fill(anew)
    for each in (home, anew):
        with write(each.warehouse) as con:
            con.execute(CHANGES[change])
    left, right = (publish(each, MARTS, GOOD, meta(), DOCS) for each in (home, anew))
    assert rows(left) == rows(right)
    for name, table in right.manifest.tables.items():
        assert left.manifest.tables[name].content_hash == table.content_hash
        assert left.manifest.tables[name].rows == table.rows
        assert left.manifest.tables[name].columns == table.columns
    parquet = "SELECT * FROM '{}/active_usage.parquet' ORDER BY ALL"
    assert published(left.path / "product_lens.duckdb", parquet.format(left.path)) == rows(right)


def test_unchanged_marts_share_their_parquet_and_are_not_hashed_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish_step(home, 0)
    hashed: list[tuple[str, object]] = []
    real = snapshot.content

    def counted(*args: object) -> snapshot.Content:
        hashed.append((str(args[2]), args[3] if len(args) > 3 else None))
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "content", counted)
    with write(home.warehouse) as con:
        con.execute(CHANGES["one value"])
    second = publish(home, MARTS, GOOD, meta(), DOCS)
    assert {name for name, _ in hashed} == {"active_usage"}
    assert all(buckets is not None and len(buckets) == 1 for _, buckets in hashed)  # type: ignore[arg-type]
    shared = {path.name for path in second.path.iterdir() if path.stat().st_nlink > 1}
    assert shared == {"fct_arr_month.parquet", "adoption.parquet", "dim_launch.parquet"}
    assert first.manifest.files["adoption.parquet"] == second.manifest.files["adoption.parquet"]


def test_a_damaged_parquet_file_is_written_again(home: Home) -> None:
    first = publish_step(home, 0)
    (first.path / "adoption.parquet").write_bytes(b"damaged")
    second = publish(home, MARTS, GOOD, meta(), DOCS)
    assert second.manifest.files["adoption.parquet"] == first.manifest.files["adoption.parquet"]
    assert (second.path / "adoption.parquet").stat().st_nlink == 1


def test_the_file_is_built_anew_from_time_to_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ANEW_EVERY", 2)
    publish_step(home, 0)
    second = publish(home, MARTS, GOOD, meta(), DOCS)
    assert all(path.stat().st_nlink == 1 for path in second.path.iterdir())


def test_held_back_tables_travel_on_and_marts_that_are_gone_go(home: Home) -> None:
    first = publish_step(home, 0)
    second = publish_step(home, 1, Judged("roll_forward", "money"))
    assert second.manifest.tables["fct_arr_month"] == first.manifest.tables["fct_arr_month"]
    fewer = {"money": MARTS["money"], "usage": MARTS["usage"], "joint": ("adoption",)}
    third = publish(home, fewer, GOOD, meta(), DOCS)
    assert "dim_launch" not in third.manifest.tables and not (third.path / "dim_launch.parquet").exists()
    names = published(third.path / "product_lens.duckdb", "SELECT table_name FROM duckdb_tables() ORDER BY 1")
    assert names == [("active_usage",), ("adoption",), ("fct_arr_month",)]


def test_descriptions_follow_the_yml_without_a_change_of_rows(home: Home) -> None:
    publish_step(home, 0)
    docs = {"active_usage": snapshot.TableDoc("Active units.", {"active": "Units active in the period"})}
    release = publish(home, MARTS, GOOD, meta(), docs)
    comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'active_usage' AND column_name = 'active'"
    assert published(release.path / "product_lens.duckdb", comment) == [("Units active in the period",)]
    storage = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
    assert str(published(release.path / "product_lens.duckdb", storage)[0][0]).startswith("v1.0.0")
