"""What the verbs of `lens` do, in terms of Dagster jobs. Each returns an exit code and what to print."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.markup import escape

from assets.company.load import load_company
from assets.errors import InputError
from assets.serving.release import current, list_releases
from assets.transform.project import ROOT, ensure_manifest
from pipelines import jobs
from pipelines.assembly import pending_days
from pipelines.company import prepare_company
from pipelines.progress import shown, tell
from pipelines.run import BAD_INPUT, DONE, FAILED, Outcome, dagster_home, run_job
from pipelines.settings import Settings

Answer = tuple[int, list[str]]


def refresh(settings: Settings, until: date | None, console: Console) -> Answer:
    """The `refresh` job over what is new."""
    start = time.monotonic()
    with shown(console):
        first, last = pending_days(settings, load_company(settings.company), until)
        config = jobs.refresh_config(str(until) if until else None, quiet=True)
        outcome = _run(settings, jobs.REFRESH, config, jobs.range_tags(str(first), str(last)))
    return _answer(settings, outcome, time.monotonic() - start)


def backfill(settings: Settings, first: date, last: date, console: Console) -> Answer:
    """The `backfill` job over a range of upload days."""
    start = time.monotonic()
    with shown(console):
        prepare_company(settings, tell)
        config = jobs.backfill_config(quiet=True)
        outcome = _run(settings, jobs.BACKFILL, config, jobs.range_tags(str(first), str(last)))
    return _answer(settings, outcome, time.monotonic() - start)


def roll_back(settings: Settings, to: str | None) -> Answer:
    """The `release_rollback` job, unless there is nothing to return to."""
    if to is None and len(list_releases(settings.home)) < 2:
        raise InputError(
            "there is no former release to return to",
            where=str(settings.home.releases),
            mend="mend what the checks name and refresh",
        )
    config = jobs.op_config("point_at_former_release", {"to": to} if to else {})
    outcome = _run(settings, jobs.ROLLBACK, config, {})
    if outcome.code != DONE:
        return outcome.code, [_error(outcome)]
    release = current(settings.home)
    return DONE, [f"readers now see release [bold]{release.id}[/]" if release else "there is no release"]


def build_sandbox(settings: Settings, size: str, seed: int, console: Console) -> Answer:
    """The `sandbox_build` job."""
    if size not in {"small", "demo", "scale"}:
        raise InputError(f"there is no size '{size}'", where="--size", mend="use small, demo or scale")
    with shown(console):
        outcome = _run(settings, jobs.SANDBOX, jobs.op_config("build_sandbox", {"size": size, "seed": seed}), {})
    folder = settings.home.sandbox / size / "company"
    return (
        (DONE, [f"the sandbox company is in {folder}"]) if outcome.code == DONE else (outcome.code, [_error(outcome)])
    )


def serve_ui(settings: Settings, port: int, console: Console) -> int:
    """`dagster-webserver` and, with automation on, the daemon that runs schedules; both end together."""
    dagster_home(settings.home)
    ensure_manifest(settings.home)
    workspace = ["-w", str(ROOT / "workspace.yaml")]
    tools = Path(sys.executable).parent
    daemon = None
    if settings.automation:
        daemon = subprocess.Popen([str(tools / "dagster-daemon"), "run", *workspace], cwd=ROOT)
    console.print(f"Dagster UI: [bold]http://127.0.0.1:{port}[/]  (Ctrl+C ends it)")
    command = [str(tools / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *workspace]
    try:
        return subprocess.run([*command, "--log-level", "warning"], cwd=ROOT, check=False).returncode
    finally:
        if daemon is not None:
            daemon.terminate()
            daemon.wait(timeout=30)


def _run(settings: Settings, job: str, config: dict[str, object], tags: object) -> Outcome:
    tell("Preparing", 0, 0)
    os.environ["LENS_HOME"] = str(settings.home.root)
    dagster_home(settings.home)
    ensure_manifest(settings.home)
    from pipelines.definitions import defs  # noqa: PLC0415  # assembled on import, for the environment set above

    resolved: dg.JobDefinition = defs.resolve_job_def(job)
    return run_job(settings.home, resolved, config, dict(tags) if isinstance(tags, dict) else {})


def _answer(settings: Settings, outcome: Outcome, seconds: float) -> Answer:
    release = current(settings.home)
    if outcome.code == DONE and release is not None:
        rows = sum(table.rows for table in release.manifest.tables.values())
        return DONE, [
            f"Published release [bold]{release.id}[/]: {len(release.manifest.tables)} marts, {rows:,} rows,"
            f" {seconds:.0f} s.",
            f"{settings.home.current / 'product_lens.duckdb'}",
        ]
    stays = f"release {release.id} stays readable" if release else "there is no release yet"
    hint = "" if outcome.code == BAD_INPUT else " `lens ui` shows the run."
    return outcome.code or FAILED, [_error(outcome), f"{stays}; run it again after the mend.{hint}"]


def _error(outcome: Outcome) -> str:
    return f"[red]error:[/] {escape(outcome.message)}"
