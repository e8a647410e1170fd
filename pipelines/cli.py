"""`lens`: the command line. Thin: everything that changes something is a Dagster job."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from assets.errors import InputError
from assets.serving.snapshot import ReleaseError
from pipelines import cli_close, cli_explain
from pipelines.lock import Busy
from pipelines.settings import Settings, load_settings

DONE, FAILED, BAD_INPUT = 0, 1, 2

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Product Lens: ARR, retention and adoption by segment, product line and feature, checked and published.

    Start with [bold]lens refresh[/]: without a company of your own it makes a sandbox company and works on that.
    Then [bold]lens show[/] and [bold]lens ui[/]. For your own data: [bold]lens init my-company[/], fill it in,
    [bold]lens refresh --company my-company[/].

    Exit codes: 0 done, 1 a check or step failed, 2 bad input.""",
)
release_app = typer.Typer(no_args_is_help=True, help="The published releases: list them, return to a former one.")
ledger_app = typer.Typer(no_args_is_help=True, help="The ledger of upload hours: release one that stays missing.")
sandbox_app = typer.Typer(no_args_is_help=True, help="The sandbox company, for trying things out.")
app.add_typer(release_app, name="release")
app.add_typer(ledger_app, name="ledger")
app.add_typer(sandbox_app, name="sandbox")

# Bound to the real streams: while a job runs, whatever Dagster and dbt print goes to the log.
console = Console(file=sys.stdout, highlight=False)
errors = Console(file=sys.stderr, highlight=False)

CompanyOption = Annotated[
    Path | None, typer.Option("--company", help="The company folder. Default: LENS_COMPANY, else the sandbox company.")
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", help="Last local day to take in (YYYY-MM-DD, inclusive); finance speaks for it too."),
]


def _fail(code: int, text: str) -> NoReturn:
    errors.print(f"[red]error:[/] {escape(text)}", soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def _told() -> Iterator[None]:
    """Bad input ends with its own words and exit code 2; never with a traceback."""
    try:
        yield
    except Busy as busy:
        _fail(FAILED, str(busy))
    except InputError as error:
        _fail(BAD_INPUT, str(error))
    except ReleaseError as error:
        _fail(FAILED, str(error))


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Ctrl+C, and SIGTERM as supervisors send it, are how a server ends: what it started ends too, exit code 0."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(DONE) from None


def _settings(company: Path | None = None) -> Settings:
    if company is not None:
        os.environ["LENS_COMPANY"] = str(company.expanduser().resolve())
    return load_settings()


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"'{text}' is not a date", where=option, mend="write it as YYYY-MM-DD, e.g. 2026-10-31"
        ) from error


@app.command()
def refresh(company: CompanyOption = None, until: UntilOption = None) -> None:
    """Take in what is new, rebuild the marts it touches, check them, publish them.

    With nothing new it says so and does nothing. Safe to repeat, and to run again after a failure.
    """
    from pipelines.company import prepare_company  # noqa: PLC0415  # --help must not wait for what a refresh imports
    from pipelines.lock import refresh_lock  # noqa: PLC0415
    from pipelines.news import nothing_new, stands  # noqa: PLC0415
    from pipelines.progress import shown, tell  # noqa: PLC0415

    with _told():
        settings, last_day = _settings(company), _day(until, "--until")
        with shown(console), refresh_lock(settings.home):
            prepare_company(settings, tell)
            release = stands(settings, last_day)
        if release is not None:
            _finish(DONE, [nothing_new(release)], console)
        from pipelines import operate  # noqa: PLC0415  # Dagster takes seconds to import; only now it is needed

        _finish(*operate.refresh(settings, last_day, console), console)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First upload day (UTC), YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last upload day (UTC), inclusive.")],
    company: CompanyOption = None,
    again: Annotated[bool, typer.Option("--again", help="Export API: download loaded hours as well.")] = False,
) -> None:
    """Read a range of upload days again, although nothing about their files changed; then rebuild and publish.

    With events from the Export API: download what is missing of those days. Run again after a crash, it goes on.
    """
    from pipelines import operate  # noqa: PLC0415

    with _told():
        settings = _settings(company)
        start, end = _day(first, "--from"), _day(last, "--to")
        if start is None or end is None or start > end:
            raise InputError("--from is after --to", where=f"{first} … {last}", mend="swap them")
        _finish(*operate.backfill(settings, start, end, again, console), console)


@app.command()
def forget(
    user: Annotated[
        list[str] | None,
        typer.Option(help="User id, as Amplitude has it; - reads ids from standard input, one a line."),
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="Device id: all its events.")] = None,
    amplitude_id: Annotated[list[int] | None, typer.Option(help="Amplitude id: all its events.")] = None,
    company: CompanyOption = None,
    until: UntilOption = None,
) -> None:
    """Forget a person: out of lake, marts and all releases, for good. Later exports do not bring them back.

    Each option can be given more than once. Exports in a folder of your own are yours to clean.
    """
    from pipelines import operate  # noqa: PLC0415

    with _told():
        users = [line for given in user or () for line in (sys.stdin.read().splitlines() if given == "-" else [given])]
        ids = {"user": users, "device": device or [], "amplitude": [str(number) for number in amplitude_id or ()]}
        _finish(*operate.forget(_settings(company), ids, _day(until, "--until"), console), console)


def _finish(code: int, lines: list[str], out: Console) -> NoReturn:
    for line in lines:
        (out if code == DONE else errors).print(line, soft_wrap=True)
    raise typer.Exit(code)


@app.command()
def show(company: CompanyOption = None) -> None:
    """What the current release says: ARR by segment and product line, adoption, tie-out and checks."""
    from pipelines.report import show as show_release  # noqa: PLC0415

    with _told():
        show_release(_settings(company), console)


@app.command()
def status(company: CompanyOption = None) -> None:
    """Watermarks, the ledger of hours with its gaps, the last release, failing checks, the last run."""
    from pipelines.status import status as show_status  # noqa: PLC0415

    with _told():
        show_status(_settings(company), console)


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000, company: CompanyOption = None) -> None:
    """Open the Dagster UI on this machine (127.0.0.1 only) with the right DAGSTER_HOME. Ctrl+C ends it."""
    from pipelines.operate import serve_ui  # noqa: PLC0415

    with _told(), _ended_by_signal():
        raise typer.Exit(serve_ui(_settings(company), port, console))


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")]) -> None:
    """Write a commented company folder to fill in: settings, feature registry, launches, reviews, finance tables."""
    from assets.company.template import write_template  # noqa: PLC0415

    with _told():
        write_template(folder)
        console.print(
            f"Wrote {folder}. Fill in company.yaml and features.csv, put exports into events/ and tables into"
        )
        console.print(
            f"finance/, then: [bold]lens doctor --company {folder}[/] and [bold]lens refresh --company {folder}[/]"
        )


@app.command()
def doctor(company: CompanyOption = None) -> None:
    """Look for what would make a refresh fail: versions, settings, company folder, disk, locks. Each with its mend."""
    from pipelines.doctor import examine  # noqa: PLC0415

    with _told():
        raise typer.Exit(examine(_settings(company), console))


@release_app.command("list")
def list_releases() -> None:
    """The kept releases, newest last; the current one is marked."""
    from pipelines.report import print_releases  # noqa: PLC0415

    with _told():
        print_releases(_settings().home, console)


@release_app.command("rollback")
def roll_back(
    to: Annotated[str | None, typer.Option(help="A kept release id. Default: the one before.")] = None,
) -> None:
    """Let readers see the former release again (again: further back)."""
    from pipelines import operate  # noqa: PLC0415

    with _told():
        _finish(*operate.roll_back(_settings(), to), console)


@ledger_app.command("accept")
def accept(
    hour: Annotated[str, typer.Argument(help="Upload hour in UTC, e.g. 2026-10-31T05.")],
    why: Annotated[str, typer.Option(help="What makes it hopeless; kept in the ledger.")],
    company: CompanyOption = None,
) -> None:
    """Let the usage watermark pass an hour that will not be loaded. A good copy that comes later takes its place."""
    from pipelines import operate  # noqa: PLC0415

    with _told():
        _finish(*operate.accept_hour(_settings(company), hour, why), console)


@sandbox_app.command("build")
def sandbox_build(
    size: Annotated[
        str, typer.Option(help="small (seconds), demo (400 accounts, 18 months), scale (benchmarks).")
    ] = "demo",
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 7,
) -> None:
    """Simulate the sandbox company and write its company folder."""
    from pipelines import operate  # noqa: PLC0415

    with _told():
        _finish(*operate.build_sandbox(_settings(), size, seed, console), console)


@sandbox_app.command("serve")
def sandbox_serve(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    store: Annotated[
        Path | None, typer.Option(help="Where it keeps what it is sent. Default: LENS_HOME/sandbox/amplitude.")
    ] = None,
) -> None:
    """Run an Amplitude of your own on this machine (127.0.0.1 only): send events to it, export them from it."""
    from pipelines.sandbox.server.serve import default_store, serve  # noqa: PLC0415

    with _told(), _ended_by_signal():
        folder = store.expanduser().resolve() if store is not None else default_store(_settings().home)
        serve(folder, port, console)


cli_close.add_to(app, _told, _settings, _finish, console)
cli_explain.add_to(app, _told, _settings, console)


def main() -> None:
    """Entry point."""
    start = time.monotonic()
    try:
        app()
    except KeyboardInterrupt:
        errors.print(f"stopped after {time.monotonic() - start:.0f} s; run it again, nothing is half done")
        sys.exit(130)
