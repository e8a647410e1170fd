"""Running a Dagster job from the command line: in this process, recorded in the instance that the UI shows."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.errors import InputError
from assets.home import Home
from pipelines.dead_runs import bury
from pipelines.lock import Busy

DONE, FAILED, BAD_INPUT = 0, 1, 2

_DAGSTER_YAML = """\
# Written by lens. A pool does nothing without a limit: one writer of the build warehouse at a time.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
event_log_storage:
  module: pipelines.event_log
  class: KeptOpenEventLog
  config:
    base_dir:
      env: DAGSTER_HOME
"""
_KEPT_DBT_RUNS = 10


@dataclass(frozen=True)
class Outcome:
    """How a run ended: exit code and, unless it went well, what a person must read."""

    code: int
    run_id: str
    message: str = ""


def dagster_home(home: Home) -> Path:
    """DAGSTER_HOME inside LENS_HOME with its dagster.yaml; set in the environment of this process."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return home.dagster


def run_job(home: Home, job: dg.JobDefinition, config: Mapping[str, Any], tags: Mapping[str, str]) -> Outcome:
    """Execute a job to its end. Dagster's own log goes to LENS_HOME/logs, not to the console."""
    dagster_home(home)
    home.logs.mkdir(parents=True, exist_ok=True)
    log = home.logs / "refresh.log"
    handler = logging.FileHandler(log, encoding="utf-8")
    logger = logging.getLogger("dagster")
    logger.addHandler(handler)
    try:
        # dbt's lines go to the log too: what a person sees is the progress and the outcome.
        with dg.DagsterInstance.get() as instance, log.open("a", encoding="utf-8") as out, redirect_stdout(out):
            bury(home, instance)
            result = job.execute_in_process(
                run_config=dict(config),
                instance=instance,
                tags=dict(tags),
                raise_on_error=False,
            )
    finally:
        logger.removeHandler(handler)
        handler.close()
        _retire_dbt_runs(home)
    left_out = sorted(str(event.step_key) for event in result.all_events if event.is_step_skipped)
    if result.success and left_out:
        return Outcome(FAILED, result.run_id, f"steps were skipped, nothing was published: {', '.join(left_out)}")
    return Outcome(DONE, result.run_id) if result.success else _failure(result)


def _failure(result: dg.ExecuteInProcessResult) -> Outcome:
    """The first failed step in the words of its innermost error."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error = data.error
            while error and error.cause and error.cls_name != InputError.__name__:
                error = error.cause
            name = error.cls_name if error else ""
            text = (error.message.strip() if error else "") or (event.message or "")
            if data.user_failure_data and data.user_failure_data.description:
                text = data.user_failure_data.description
            code = BAD_INPUT if name == InputError.__name__ else FAILED
            return Outcome(code, result.run_id, f"step {event.step_key} failed\n{_plain(text, name)}")
    failed = next((event.message for event in result.all_events if event.is_failure), None)
    return Outcome(FAILED, result.run_id, failed or "the run failed before its first step")


def _plain(text: str, class_name: str | None) -> str:
    """Python's own prefix of an error says nothing to the reader."""
    for prefix in (f"assets.errors.{class_name}: ", f"pipelines.lock.{Busy.__name__}: ", f"{class_name}: "):
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    return text


def _retire_dbt_runs(home: Home) -> None:
    """Keep the artifacts of the newest dbt runs only."""
    runs = home.dbt_target / "runs"
    if runs.exists():
        for folder in sorted(runs.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT_DBT_RUNS]:
            shutil.rmtree(folder)
