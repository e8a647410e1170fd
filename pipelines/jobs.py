"""The jobs: everything that changes something, runnable from the Dagster UI and from `lens`."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets import keys

REFRESH = "refresh"
QBR_REFRESH = "qbr_refresh"
BACKFILL = "backfill"
ROLLBACK = "release_rollback"
SANDBOX = "sandbox_build"
INIT = "init_company"
ACCEPT = "ledger_accept"
FORGET = "forget"
CLOSE = "close"

# Dagster's names for the run tags that select a range of partitions in one run; it exports no constant for them.
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
CONSOLE_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def refresh_jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """`refresh` (daily) and `qbr_refresh` (before each review) build everything; `backfill` lands days again."""
    return [
        dg.define_asset_job(
            REFRESH,
            selection=dg.AssetSelection.all(),
            description="Take in what is new, rebuild the marts it touches, check them, publish them.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            QBR_REFRESH,
            selection=dg.AssetSelection.all(),
            description="The same refresh, run before each review in board.yaml.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            BACKFILL,
            selection=dg.AssetSelection.all(),
            description="Read a range of upload days again (with events from the Export API: download what is "
            "missing of them), then rebuild, check and publish.",
            config={"ops": {keys.AMPLITUDE_HOURS.to_python_identifier(): {"config": {"land_again": True}}}},
            executor_def=dg.in_process_executor,
        ),
    ]


def range_tags(first: str, last: str) -> Mapping[str, str]:
    """Run tags that select a range of upload-day partitions in one run."""
    return {_RANGE_START: first, _RANGE_END: last}


def refresh_config(until: str | None, quiet: bool = False) -> dict[str, object]:
    """Run config of a refresh: the inclusive last local day, and whether the console is left to the caller."""
    config: dict[str, object] = {}
    if until:
        config["ops"] = {keys.COMPANY.to_python_identifier(): {"config": {"until": until}}}
    if quiet:
        config["loggers"] = CONSOLE_QUIET
    return config


def backfill_config(quiet: bool = False, again: bool = False) -> dict[str, object]:
    """Run config of a backfill from the command line. ``again``: ask the Export API for loaded hours too."""
    asset = {"land_again": True, "ask_again": again}
    ops = {keys.AMPLITUDE_HOURS.to_python_identifier(): {"config": asset}}
    return {"ops": ops, **({"loggers": CONSOLE_QUIET} if quiet else {})}


def op_config(op: str, values: Mapping[str, object]) -> dict[str, object]:
    """Run config of a job with one op."""
    return {"ops": {op: {"config": dict(values)}}, "loggers": CONSOLE_QUIET}


def close_config(month: str, reopen: bool = False, why: str | None = None, quiet: bool = False) -> dict[str, object]:
    """Run config of the `close` job: which month (YYYY-MM), whether it is reopened instead, and why."""
    values: dict[str, object] = {"month": month, "reopen": reopen, **({"why": why} if why else {})}
    return {"ops": {"close_month": {"config": values}}, **({"loggers": CONSOLE_QUIET} if quiet else {})}
