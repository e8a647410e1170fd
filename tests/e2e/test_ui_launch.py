"""What is launched in the Dagster UI is run, also after a run before it was killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import World

from pipelines.dead_runs import LOCK_TAG
from pipelines.run import dagster_home
from support.line import ROOT, manifest, settings_for

_LAUNCH = """mutation { launchRun(executionParams: {runConfigData: "{}", selector: {
    repositoryName: "__repository__", repositoryLocationName: "product_lens", jobName: "refresh"}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


def _ask(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def _until(what: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return
        except OSError:
            pass  # not listening yet
        time.sleep(1)
    raise AssertionError(f"not within {seconds} s")


@pytest.mark.slow
def test_a_run_launched_in_the_ui_publishes_although_the_run_before_was_killed(world: World, tmp_path: Path) -> None:
    from pipelines.sandbox.extra import extra_day

    later = world.copy(tmp_path)
    before = manifest(later.home).release_id
    extra_day(later.company, date(2026, 11, 1), 100)
    dagster_home(settings_for(later.home, later.company).home)
    with dg.DagsterInstance.get() as instance:  # what a kill -9 leaves: a run that never ends, with the pool's one slot
        dead = instance.create_run_for_job(
            dg.job(name="refresh")(lambda: None), status=dg.DagsterRunStatus.STARTED, tags={LOCK_TAG: "held"}
        )
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("duckdb_writer")
        assert storage.claim_concurrency_slot("duckdb_writer", dead.run_id, "dbt_build").is_claimed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LENS_", "DAGSTER_"))}
    env |= {"LENS_HOME": str(later.home), "LENS_COMPANY": str(later.company)}
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "ui", "--port", str(port)]
    ui = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _until(lambda: bool(_ask(port, "{ version }")), 120)
        launched = _ask(port, _LAUNCH)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]
        status = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}'
        _until(lambda: _ask(port, status)["runOrError"]["status"] in {"SUCCESS", "FAILURE"}, 240)
        assert _ask(port, status)["runOrError"]["status"] == "SUCCESS"
    finally:
        ui.terminate()  # as a supervisor does: its servers end with it
        assert ui.wait(timeout=60) == 0
    assert manifest(later.home).release_id != before
