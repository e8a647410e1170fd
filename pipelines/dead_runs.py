"""Runs whose process is gone: Dagster would show them running for ever, and their pool slots block every later run."""

from __future__ import annotations

import time

import dagster as dg

from assets.home import Home
from pipelines.lock import is_busy

# Put on a run once it holds the refresh lock, which it keeps to its end: such a run without the lock held is dead.
# Runs of other jobs hold no pool slot and are left alone.
LOCK_TAG = "lens/refresh_lock"
# Between letting go of the lock and being recorded as ended a run looks dead too.
_ENDING_SECONDS = 2.0
_ALIVE = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def mark_holder(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say that a run holds the refresh lock now."""
    instance.add_run_tags(run_id, {LOCK_TAG: "held"})


def bury(home: Home, instance: dg.DagsterInstance) -> int:
    """Fail dead runs and free their pool slots; how many there were."""
    if not _holders(instance) or is_busy(home) is not None:
        return 0
    time.sleep(_ENDING_SECONDS)
    dead = _holders(instance)
    if is_busy(home) is not None:
        return 0
    for run in dead:
        instance.report_run_failed(run, "the process was killed; the next refresh does its work again")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _holders(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(filters=dg.RunsFilter(statuses=_ALIVE, tags={LOCK_TAG: "held"})))
