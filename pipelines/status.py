"""`lens status`: how current the numbers are, and what stands in the way."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.amplitude.ledger import Ledger
from assets.amplitude.switching import traces
from assets.board.close_records import in_force, records
from assets.home import Home
from assets.serving.release import current
from pipelines.lock import is_busy
from pipelines.settings import Settings

_GOOD = ("loaded", "empty", "accepted")
_MOST_GAPS = 20


def status(settings: Settings, console: Console) -> None:
    """Print release and watermarks, closed months, the ledger by state with its gaps, failing checks, the last run."""
    home = settings.home
    console.print(f"company  {settings.company}\nhome     {home.root}", soft_wrap=True)
    busy = is_busy(home) if home.root.exists() else None
    if busy:
        console.print(f"[yellow]{busy}[/]")
    _release(home, console)
    _closes(home, console)
    _ledger(home, console)
    _last_run(home, console)


def _release(home: Home, console: Console) -> None:
    release = current(home)
    if release is None:
        console.print("release  none yet: run [bold]lens refresh[/]")
        return
    manifest = release.manifest
    console.print(f"release  [bold]{release.id}[/] of {manifest.company}, created {manifest.created_at}")
    for group, day in manifest.as_of.items():
        held = " [red](held back)[/]" if group in manifest.held_back else ""
        console.print(f"         {group:<6} complete to {day or '–'}{held}")
    if traces(home):
        console.print("         [yellow]users who were to be forgotten are still in it: run [bold]lens refresh[/][/]")
    failing = [check for check in manifest.checks if check["status"] not in {"pass", "not_configured"}]
    console.print(f"checks   {len(manifest.checks) - len(failing)} hold, {len(failing)} do not")
    for check in failing:
        colour = "red" if check["severity"] == "block" else "yellow"
        console.print(f"         [{colour}]{check['status']}[/] {check['name']}: {check['message']}", soft_wrap=True)


def _closes(home: Home, console: Console) -> None:
    closed = list(in_force(records(home)))
    span = f"{closed[0]} to {closed[-1]}" if len(closed) > 1 else "".join(closed)
    console.print(f"closed   {span or 'no month yet'}")


def _ledger(home: Home, console: Console) -> None:
    if not home.ledger.exists():
        console.print("ledger   no Amplitude hours have been landed yet")
        return
    hours = Ledger.open_read_only(home).hours()
    states: dict[str, int] = {}
    for hour in hours:
        states[hour.state] = states.get(hour.state, 0) + 1
    span = f"{hours[0].upload_hour:%Y-%m-%d %H}h to {hours[-1].upload_hour:%Y-%m-%d %H}h UTC" if hours else "empty"
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    console.print(f"ledger   {span}: {counts}")
    gaps = [hour for hour in hours if hour.state not in _GOOD]
    if gaps:
        table = Table(
            "upload hour (UTC)", "state", "quarantined", "why", title="hours that hold the watermark", box=box.SIMPLE
        )
        for hour in gaps[:_MOST_GAPS]:
            why = escape(hour.note or "")
            table.add_row(f"{hour.upload_hour:%Y-%m-%d %H:00}", hour.state, str(hour.quarantined), why)
        console.print(table)
        if len(gaps) > _MOST_GAPS:
            console.print(f"         and {len(gaps) - _MOST_GAPS:,} more")
    for hour in hours:
        if hour.state == "accepted":
            console.print(f"accepted {hour.upload_hour:%Y-%m-%d %H:00} UTC: {escape(hour.note or '')}", soft_wrap=True)


def _last_run(home: Home, console: Console) -> None:
    """Read from Dagster's own run table, without the seconds that importing Dagster takes."""
    runs = home.dagster / "history" / "runs.db"
    if not runs.exists():
        return
    with sqlite3.connect(f"file:{runs}?mode=ro", uri=True) as con:
        row = con.execute(
            "SELECT pipeline_name, status, run_id, update_timestamp FROM runs ORDER BY id DESC LIMIT 1"
        ).fetchone()
    if row:
        job, state, run_id, updated = row
        when = datetime.fromisoformat(str(updated)).replace(tzinfo=UTC)
        console.print(f"last run {job} {state.lower()} at {when:%Y-%m-%d %H:%M} UTC (run {run_id[:8]})")
