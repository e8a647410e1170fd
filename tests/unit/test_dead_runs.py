"""Runs that were killed are taken out of the way of later ones; whoever is alive is left alone."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.home import Home
from pipelines import dead_runs
from pipelines.dead_runs import LOCK_TAG, bury
from pipelines.lock import refresh_lock

STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_runs, "_ENDING_SECONDS", 0.0)


def _run(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    return instance.create_run_for_job(dg.job(name="any")(lambda: None), status=STARTED, tags=tags).run_id


def test_a_run_that_held_the_lock_and_holds_it_no_more_is_dead(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = _run(instance, {LOCK_TAG: "held"})
        with refresh_lock(home):
            assert bury(home, instance) == 0, "it is at work"
        assert bury(home, instance) == 1
        run = instance.get_run_by_id(run_id)
        assert run is not None and run.status == dg.DagsterRunStatus.FAILURE
        assert bury(home, instance) == 0


def test_a_long_run_that_needs_no_lock_is_left_alone(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = _run(instance, {})
        assert bury(Home(tmp_path), instance) == 0
        run = instance.get_run_by_id(run_id)
        assert run is not None and run.status == STARTED
