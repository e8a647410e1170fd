"""What the verbs of `lens` do, in terms of Dagster jobs. Each returns an exit code and what to print."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.markup import escape

from assets.amplitude import asked
from assets.amplitude.erasure import ask_to_erase
from assets.amplitude.switching import traces
from assets.company.load import load_company
from assets.errors import InputError
from assets.serving.release import current, list_releases
from assets.transform.project import ROOT, ensure_manifest
from pipelines import jobs
from pipelines.assembly import pending_days
from pipelines.closing import describe, last_record
from pipelines.company import checked_company, first_upload_day, prepare_company
from pipelines.dead_runs import bury
from pipelines.lock import refresh_lock
from pipelines.progress import shown, tell
from pipelines.run import BAD_INPUT, DONE, FAILED, Outcome, dagster_home, run_job
from pipelines.settings import Settings

Answer = tuple[int, list[str]]
_WATCH_SECONDS = 15


def refresh(settings: Settings, until: date | None, console: Console) -> Answer:
    """The `refresh` job over what is new."""
    start = time.monotonic()
    with shown(console):
        first, last = pending_days(settings, checked_company(settings.company), until)
        config = jobs.refresh_config(str(until) if until else None, quiet=True)
        outcome = _run(settings, jobs.REFRESH, config, jobs.range_tags(str(first), str(last)))
    return _answer(settings, outcome, time.monotonic() - start)


def backfill(settings: Settings, first: date, last: date, again: bool, console: Console) -> Answer:
    """The `backfill` job over a range of upload days; ``again``: also days of the Export API that are loaded."""
    start = time.monotonic()
    with shown(console):
        prepare_company(settings, tell)
        _check_range(settings, first, again)
        config = jobs.backfill_config(quiet=True, again=again)
        outcome = _run(settings, jobs.BACKFILL, config, jobs.range_tags(str(first), str(last)))
    return _answer(settings, outcome, time.monotonic() - start)


def _check_range(settings: Settings, first: date, again: bool) -> None:
    company = load_company(settings.company)
    start = first_upload_day(settings, company)
    if company.events.is_extracted and first < start:
        raise InputError(
            f"--from {first} is before the first upload day {start}",
            where="--from",
            mend=f"use --from {start}, or set an earlier events.start_date in company.yaml",
        )
    if again and not company.events.is_extracted:
        raise InputError(
            "--again is for events from the Export API",
            where=f"events.source {company.events.source}",
            mend="leave it out: a backfill reads the files of those days again by itself",
        )


def accept_hour(settings: Settings, hour: str, why: str) -> Answer:
    """The `ledger_accept` job."""
    asked.parse_hour(hour)
    outcome = _run(settings, jobs.ACCEPT, jobs.op_config("accept_hour", {"hour": hour, "why": why}), {})
    if outcome.code != DONE:
        return outcome.code, [_error(outcome)]
    return DONE, [f"{escape(hour)} is accepted; the next refresh moves the usage watermark past it"]


def forget(settings: Settings, ids: Mapping[str, Sequence[str]], until: date | None, console: Console) -> Answer:
    """Ask for the erasure, the `forget` job, and the `refresh` that publishes without them. No id goes any further
    than into the ledger, as digests."""
    with shown(console):
        prepare_company(settings, tell)
        company = load_company(settings.company)
        with refresh_lock(settings.home):
            ask_to_erase(settings.home, company, ids)
        outcome = _run(settings, jobs.FORGET, {"loggers": jobs.CONSOLE_QUIET}, {})
    if outcome.code != DONE:
        return outcome.code, [_error(outcome), "they are not forgotten yet: run it again after the mend"]
    code, lines = refresh(settings, until, console)
    if code != DONE or traces(settings.home):
        left = "they have left the lake and will not come back, but releases still hold them until a refresh succeeds"
        return code or FAILED, [*lines, left]
    lines.append("Forgotten: gone from lake, warehouse and marts; former releases are removed, there is no way back.")
    if not company.events.is_extracted:
        lines.append(f"The exports in {company.events_path} are yours: they are not changed, and still hold them.")
    return DONE, lines


def close(settings: Settings, month: str, reopen: bool, why: str | None) -> Answer:
    """The `close` job: freeze a month of the published figures, or reopen it."""
    outcome = _run(settings, jobs.CLOSE, jobs.close_config(month, reopen, why, quiet=True), {})
    if outcome.code != DONE:
        return outcome.code, [_error(outcome)]
    return DONE, [escape(describe(last_record(settings.home))), "The next refresh publishes it: [bold]lens refresh[/]"]


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
    """`dagster-webserver`, and the daemon that starts what is launched in it and runs schedules; all end together."""
    dagster_home(settings.home)
    ensure_manifest(settings.home)
    workspace = ["-w", str(ROOT / "workspace.yaml"), "--log-level", "warning"]
    tools = Path(sys.executable).parent
    commands = [
        [str(tools / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *workspace],
        [str(tools / "dagster-daemon"), "run", *workspace],
    ]
    settings.home.logs.mkdir(parents=True, exist_ok=True)
    log = settings.home.logs / "ui.log"
    console.print(f"Dagster UI: [bold]http://127.0.0.1:{port}[/]  (Ctrl+C ends it; log: {log})")
    with log.open("ab") as out:
        servers = [subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) for command in commands]
    try:
        code = _watch(settings, servers)
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(timeout=30)
    if code:
        errors = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        console.print("\n".join(["[red]error:[/] the Dagster UI ended:", *map(escape, errors)]), soft_wrap=True)
    return code


def _watch(settings: Settings, servers: list[subprocess.Popen[bytes]]) -> int:
    """Until one of the servers ends: its exit code. Meanwhile killed runs are taken out of the others' way."""
    with dg.DagsterInstance.get() as instance:
        while True:
            bury(settings.home, instance)
            with suppress(subprocess.TimeoutExpired):
                servers[0].wait(timeout=_WATCH_SECONDS)
            ended = next((server.returncode for server in servers if server.poll() is not None), None)
            if ended is not None:
                return ended


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
