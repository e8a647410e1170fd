"""The registry of metrics, and what board.yaml makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assets.board import catalogue
from assets.board.choice import choose
from assets.board.registry import METRICS
from assets.errors import InputError
from assets.warehouse import write
from pipelines.company import checked_company
from support.company_folder import SETTINGS, make_company, make_folder


def test_metrics_have_distinct_keys_and_say_what_they_mean() -> None:
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    assert len({metric.definition_hash for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.definition.endswith(".") and metric.name and metric.source, metric.key


def test_the_definition_hash_follows_the_meaning_and_not_the_name() -> None:
    metric = METRICS[0]
    assert (
        replace(metric, name="Other", owner="product", is_higher_better=False).definition_hash == metric.definition_hash
    )
    for changed in (replace(metric, definition="Other."), replace(metric, source="x.y"), replace(metric, unit="count")):
        assert changed.definition_hash != metric.definition_hash


def test_without_a_choice_the_board_sees_every_metric_in_the_order_of_the_registry(tmp_path: Path) -> None:
    rows = choose(make_company(tmp_path)).rows
    assert [(row["metric_key"], row["board_position"]) for row in rows] == [
        (metric.key, place) for place, metric in enumerate(METRICS, start=1)
    ]


def test_board_yaml_chooses_orders_and_sets_targets(tmp_path: Path) -> None:
    board = "metrics:\n  - churn_arr\n  - {metric: arr, target: 1000000}\n"
    company = make_company(tmp_path, company_yaml=SETTINGS.replace("USD", "EUR"), board_yaml=board)
    with write(tmp_path / "w" / "warehouse.duckdb") as con:
        choose(company).write(con)
        rows = con.execute(
            "SELECT metric_key, board_position, target, unit, direction, quarter_rule FROM raw.board_metrics "
            "WHERE board_position IS NOT NULL ORDER BY board_position"
        ).fetchall()
        assert rows == [
            ("churn_arr", 1, None, "EUR", "higher_is_better", "sum"),
            ("arr", 2, 1000000.0, "EUR", "higher_is_better", "last"),
        ]
        assert con.execute("SELECT count(*) FROM raw.board_metrics").fetchall() == [(len(METRICS),)]


def test_the_hash_follows_choice_order_and_targets(tmp_path: Path) -> None:
    boards = ("[]", "[arr]", "[arr, carr]", "[carr, arr]", "[{metric: arr, target: 5}]", "[{metric: arr, target: 6}]")
    hashes = [
        choose(make_company(tmp_path / str(number), board_yaml=f"metrics: {board}\n")).hash
        for number, board in enumerate(boards)
    ]
    assert len(set(hashes)) == len(boards)
    assert choose(make_company(tmp_path / "again", board_yaml="metrics: [arr]\n")).hash == hashes[1]


def test_an_unknown_metric_is_named_with_its_place_and_those_that_exist(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, board_yaml="metrics: [arr, atach_rate]\n")
    with pytest.raises(InputError) as found:
        checked_company(folder)
    assert found.value.what == "there is no metric 'atach_rate' (did you mean attach_rate?)"
    assert found.value.where == "company/board.yaml, key metrics[2]"
    assert "arr_at_notice, arr_past_due" in found.value.mend and "docs/metrics.md" in found.value.mend


def test_the_page_of_metrics_is_the_registry() -> None:
    """After a change of the registry: python -m assets.board.catalogue."""
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page()
