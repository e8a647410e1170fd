"""`lens close`: close a month, reopen it, list what is closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.board.close import checked_reason
from assets.board.close_records import in_force, month_of, records
from assets.errors import InputError
from assets.home import Home
from pipelines.settings import Settings

_HELP = """Close a month: the published money is frozen as reported; later corrections show as restatements.

Refused while money is held back, the month is not complete or one of its tie-out checks fails. In order of months."""


def add_to(
    app: typer.Typer,
    told: Callable[[], AbstractContextManager[None]],
    settings_of: Callable[[Path | None], Settings],
    finish: Callable[[int, list[str], Console], NoReturn],
    console: Console,
) -> None:
    """Register the command. ``told`` words errors, ``settings_of`` reads the settings for a company folder, ``finish``
    prints the outcome and ends."""

    @app.command(help=_HELP)
    def close(
        month: Annotated[str | None, typer.Argument(help="The month, e.g. 2026-10.")] = None,
        reopen: Annotated[
            bool, typer.Option("--reopen", help="Open a closed month again; what was closed stays.")
        ] = False,
        why: Annotated[str | None, typer.Option("--why", help="The reason, kept for good. --reopen needs one.")] = None,
        listed: Annotated[bool, typer.Option("--list", help="List every closing and reopening.")] = False,
        company: Annotated[
            Path | None, typer.Option(help="The company folder. Default: LENS_COMPANY, else the sandbox company.")
        ] = None,
    ) -> None:
        with told():
            settings = settings_of(company)
            if listed:
                _list(settings.home, console)
                return
            if month is None:
                mend = "name it, e.g. lens close 2026-10; or use --list"
                raise InputError("which month?", where="lens close", mend=mend)
            month_of(month)
            if reopen:
                checked_reason(month, why)
            from pipelines import operate  # noqa: PLC0415  # Dagster takes seconds to import

            finish(*operate.close(settings, month, reopen, why), console)


def _list(home: Home, console: Console) -> None:
    found = records(home)
    standing = in_force(found)
    table = Table("month", "record", "kind", "at (UTC)", "release", "why", "", box=box.SIMPLE_HEAVY)
    for record in found:
        stands = "stands" if standing.get(record.month) == record else ""
        when = record.moment.strftime("%Y-%m-%d %H:%M")
        row = (record.month, str(record.number), record.kind, when, record.release_id or "–", escape(record.why or ""))
        table.add_row(*row, stands)
    console.print(table if found else "No month is closed yet: lens close YYYY-MM.")
