"""`lens explain`: where a figure comes from, without SQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.settings import Settings

_ARR_HELP = """Where the ARR of a cell comes from: bridge, accounts behind each movement, contracts.

A cell is a month, and if you like a segment, a product line or both; without any, the company in the newest month.
The accounts of every movement add up to the bridge, and the bridge to the published tables, to the cent.

Examples:

[bold]lens explain arr[/]

[bold]lens explain arr --month 2026-09 --segment enterprise --product-line Insights[/]

[bold]lens explain arr --segment software --dimension industry --all[/]

[bold]lens explain arr --month 2026-09 --account acct-0042[/]  its contracts

[bold]lens explain arr --month 2026-09 --csv september.csv[/]  all accounts"""

_ADOPTION_HELP = """Who adopted a feature, and why the others do not count: accounts by state, with dates and ARR.

The figures are the published ones of a month, for all accounts or a segment.
Entitled accounts that used the feature in the 28 days to month end count as
adopted. Every other account is listed with the reason why not: never used it,
used it once but not in those days, used it without being entitled.
The accounts add up to the published figures, or the command refuses.

Examples:

[bold]lens explain adoption --feature ai_chat[/]  the newest month

[bold]lens explain adoption --feature ai_chat --month 2026-09 --segment enterprise[/]

[bold]lens explain adoption --feature "AI chat" --dimension industry --segment software --all[/]

[bold]lens explain adoption --feature ai_chat --month 2026-09 --csv ai_chat.csv[/]  all accounts"""


def add_to(
    app: typer.Typer,
    told: Callable[[], AbstractContextManager[None]],
    settings_of: Callable[[Path | None], Settings],
    console: Console,
) -> None:
    """Register the commands. ``told`` words errors, ``settings_of`` reads the settings for a company folder."""
    explain = typer.Typer(
        no_args_is_help=True, help="Where a figure comes from: bridge, adoption, accounts, source rows."
    )

    @explain.callback()
    def _group() -> None:
        """Where a figure comes from: bridge, adoption, accounts, source rows."""

    @explain.command(help=_ARR_HELP)
    def arr(
        month: Annotated[str | None, typer.Option(help="YYYY-MM. Default: the newest month.")] = None,
        segment: Annotated[str | None, typer.Option(help="A segment, in any case. Default: all.")] = None,
        product_line: Annotated[str | None, typer.Option(help="A product line, in any case. Default: all.")] = None,
        dimension: Annotated[
            str | None, typer.Option(help="Lens dimension of the segment. Default: the first that knows it.")
        ] = None,
        account: Annotated[str | None, typer.Option(help="Id or name of one account: its source rows as well.")] = None,
        show_all: Annotated[bool, typer.Option("--all", help="Every account, however many.")] = False,
        csv: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Write every account of every movement to this file.")
        ] = None,
        company: Annotated[
            Path | None, typer.Option(help="The company folder. Default: LENS_COMPANY, else the sandbox company.")
        ] = None,
    ) -> None:
        from pipelines.explain.cell import Asked  # noqa: PLC0415  # --help must not wait for what reading imports
        from pipelines.explain.command import explain_arr  # noqa: PLC0415

        with told():
            asked = Asked(month, dimension, segment, product_line)
            explain_arr(settings_of(company), asked, account, show_all, csv, console)

    @explain.command(help=_ADOPTION_HELP)
    def adoption(
        feature: Annotated[str | None, typer.Option(help="Key or name of a feature, in any case.")] = None,
        month: Annotated[str | None, typer.Option(help="YYYY-MM. Default: the newest month.")] = None,
        segment: Annotated[str | None, typer.Option(help="A segment, in any case. Default: all.")] = None,
        dimension: Annotated[
            str | None, typer.Option(help="Lens dimension of the segment. Default: the first that knows it.")
        ] = None,
        show_all: Annotated[bool, typer.Option("--all", help="Every account, however many.")] = False,
        csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every account to this file.")] = None,
        company: Annotated[
            Path | None, typer.Option(help="The company folder. Default: LENS_COMPANY, else the sandbox company.")
        ] = None,
    ) -> None:
        from pipelines.explain.adoption_cell import AskedAdoption  # noqa: PLC0415  # see above
        from pipelines.explain.command import explain_adoption  # noqa: PLC0415

        with told():
            asked = AskedAdoption(feature, month, dimension, segment)
            explain_adoption(settings_of(company), asked, show_all, csv, console)

    app.add_typer(explain, name="explain")
