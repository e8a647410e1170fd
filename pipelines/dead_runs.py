"""Runs whose process is gone: Dagster would show them running for ever, and their pool slots block every later run."""

from __future__ import annotations

import os
import time

import dagster as dg

from assets.home import Home
from pipelines.lock import is_busy

PID_TAG = "lens/pid"
# A run takes the refresh lock within seconds of its start: one this old without the lock being held is dead.
_GRACE_SECONDS = 60
_ALIVE = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def bury(home: Home, instance: dg.DagsterInstance) -> int:
    """Fail dead runs and free their pool slots; how many there were."""
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=_ALIVE))
    suspects = [record for record in records if _is_gone(record.dagster_run) or _is_old(record)]
    if not suspects or is_busy(home) is not None:
        return 0
    for record in suspects:
        run = record.dagster_run
        instance.report_run_failed(run, "the process was killed; the next refresh does its work again")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(suspects)


def _is_gone(run: dg.DagsterRun) -> bool:
    """Whether a run that told its process has lost it."""
    pid = run.tags.get(PID_TAG)
    if pid is None:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _is_old(record: dg.RunRecord) -> bool:
    began = record.start_time or record.create_timestamp.timestamp()
    return time.time() - began > _GRACE_SECONDS
