"""Closing months: the `close` job, and what the rest of the pipeline asks of closed months."""

from datetime import date
from pathlib import Path

import dagster as dg
from pydantic import Field

from assets.board.close import Published, close_month, reopen_month
from assets.board.close_records import Record, in_force, records
from assets.board.restatement_log import remember
from assets.errors import InputError
from assets.home import Home
from assets.serving.manifest import Release
from assets.serving.release import current
from assets.serving.snapshot import DATABASE, ReleaseError
from pipelines.erasure import drop_traces
from pipelines.jobs import CLOSE
from pipelines.lock import refresh_lock
from pipelines.settings import Settings

_MONEY = "fct_arr_month"


class CloseConfig(dg.Config):
    """Which month to close, or to reopen."""

    month: str = Field(description="The month, YYYY-MM.")
    reopen: bool = Field(default=False, description="Reopen it instead: what was closed stays.")
    why: str | None = Field(default=None, description="The reason, kept with the record; reopening needs one.")


def published(home: Home) -> Published:
    """The current release as a close needs it. Raises InputError without one, or when it cannot be read."""
    try:
        release = current(home)
    except ReleaseError as error:
        raise InputError(str(error), where=str(home.current), mend="publish again: `lens refresh`") from error
    if release is None:
        raise InputError("there is no release to close", where=str(home.serving), mend="run `lens refresh` first")
    manifest = release.manifest
    table = manifest.tables.get(_MONEY)
    held = manifest.held_back.get(table.group) if table else None
    return Published(
        release_id=release.id,
        database=release.path / DATABASE,
        sha256=str(manifest.files[DATABASE]["sha256"]),
        complete_to=date.fromisoformat(table.as_of) if table and table.as_of else None,
        held_back=[reason["check"] for reason in held.reasons] if held else [],
    )


def carry_out(home: Home, config: CloseConfig, run_id: str) -> Record:
    """Close or reopen under the refresh lock, so that no refresh publishes meanwhile."""
    with refresh_lock(home):
        if config.reopen:
            return reopen_month(home, config.month, config.why, run_id)
        return close_month(home, published(home), config.month, run_id, config.why)


def describe(record: Record) -> str:
    """One line about a record."""
    if record.kind == "reopen":
        return f"{record.month} is open again (record {record.number}): {record.why}"
    rows = record.files["arr_month.parquet"].rows
    note = f": {record.why}" if record.why else ""
    return (
        f"{record.month} is closed (record {record.number}): {rows:,} rows of ARR of release {record.release_id}{note}"
    )


def last_record(home: Home) -> Record:
    """The record made last."""
    return records(home)[-1]


def not_due(home: Home, month: date) -> str | None:
    """Why a month need not be closed by itself: it is closed, or the company has no money. None when it is due."""
    if f"{month:%Y-%m}" in in_force(records(home)):
        return f"{month:%Y-%m} is closed already"
    release = current(home)
    if release is not None and not getattr(release.manifest.tables.get(_MONEY), "rows", 0):
        return "the company hands over no money"
    return None


def released_database(home: Home) -> Path | None:
    """The database that readers see, None before the first release or when the link is broken."""
    try:
        release = current(home)
    except ReleaseError:  # a refresh is what mends it
        return None
    return release.path / DATABASE if release else None


def after_release(home: Home, release: Release) -> None:
    """What follows a release: the log of restatements, then what was made before an erasure goes."""
    remember(home, release.path / DATABASE)
    drop_traces(home, release)


def close_job(settings: Settings) -> dg.JobDefinition:
    """The `close` job, bound to one LENS_HOME."""

    @dg.op(name="close_month", description="Freeze a month of the published figures, or reopen it.")
    def freeze(context: dg.OpExecutionContext, config: CloseConfig) -> None:
        record = carry_out(settings.home, config, context.run.run_id)
        context.log.info(describe(record))
        context.add_output_metadata({"month": record.month, "record": record.number, "kind": record.kind})

    @dg.job(
        name=CLOSE,
        executor_def=dg.in_process_executor,
        description="Close a month: what was published is frozen. `refresh` then publishes it as reported.",
    )
    def close() -> None:
        freeze()

    return close
