"""A mart whose rows belong to different groups: each row goes out when its own group does."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.home import Home
from assets.serving.manifest import Release
from assets.serving.release import publish
from assets.serving.snapshot import TableDoc
from assets.warehouse import write
from support.release_home import DOCS, GOOD, MARTS, Judged, fill, meta, published

BOARD = MARTS | {"joint": (*MARTS["joint"], "board_metrics")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lens")


def step(home: Home, number: int, *verdicts: Judged, extra: str = "") -> Release:
    """Publish marts of which every row carries the step's number."""
    fill(home, number)
    with write(home.warehouse) as con:
        con.execute(
            "CREATE OR REPLACE TABLE marts.board_metrics AS "
            f"SELECT unnest(['money', 'usage', 'joint']) AS publish_group, {number} AS value {extra}"
        )
    docs = DOCS | {"board_metrics": TableDoc("The board's metrics.", rows_by="publish_group")}
    return publish(home, BOARD, [*GOOD, *verdicts], meta(number), docs)


def board(home: Home) -> dict[str, int]:
    rows = published(home.current / "product_lens.duckdb", "SELECT publish_group, value FROM marts.board_metrics")
    return {str(group): int(str(value)) for group, value in rows}


def test_usage_that_is_held_back_holds_no_money_back(home: Home) -> None:
    step(home, 0)
    release = step(home, 1, Judged("records_conserved", "usage"))
    assert board(home) == {"money": 1, "usage": 0, "joint": 0}
    assert set(release.manifest.held_back) == {"usage", "joint"}
    entry = release.manifest.tables["board_metrics"]
    assert (entry.group, entry.rows, entry.as_of) == ("joint", 3, "2025-03-30")
    assert release.manifest.held_back["joint"].from_release == release.manifest.previous
    step(home, 2)
    assert board(home) == {"money": 2, "usage": 2, "joint": 2}


def test_money_that_is_held_back_keeps_its_rows_and_those_built_on_it(home: Home) -> None:
    step(home, 0)
    step(home, 1, Judged("roll_forward", "money"))
    assert board(home) == {"money": 0, "usage": 1, "joint": 0}


def test_what_never_went_out_is_absent(home: Home) -> None:
    release = step(home, 0, Judged("records_conserved", "usage"))
    assert board(home) == {"money": 0}
    assert release.manifest.held_back["joint"].from_release is None


def test_former_rows_of_other_columns_do_not_stand_beside_new_ones(home: Home) -> None:
    step(home, 0)
    step(home, 1, Judged("records_conserved", "usage"), extra=", 'count' AS unit")
    assert board(home) == {"money": 1}
    step(home, 2, Judged("records_conserved", "usage"), extra=", 'count' AS unit")
    assert board(home) == {"money": 2}


def test_a_mart_that_moved_to_a_group_that_is_held_back_stays(home: Home) -> None:
    fill(home)
    publish(home, {"money": ("fct_arr_month", "adoption"), "usage": ("active_usage",)}, GOOD, meta(0), DOCS)
    fill(home, 1)
    marts = {"money": ("fct_arr_month",), "usage": ("active_usage",), "joint": ("adoption",)}
    publish(home, marts, [*GOOD, Judged("records_conserved", "usage")], meta(1), DOCS)
    assert published(home.current / "product_lens.duckdb", "SELECT adoption_rate FROM marts.adoption") == [(0,)]
