"""`lens explain` from the settings to the screen."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich.console import Console
from rich.markup import escape

from assets.errors import InputError
from assets.serving.manifest import Release
from assets.serving.release import current
from pipelines.company import known_company
from pipelines.explain.adoption import read_adoption
from pipelines.explain.adoption_cell import AskedAdoption, find_adoption
from pipelines.explain.adoption_show import Policy, print_figures, print_members, write_members
from pipelines.explain.bridge import Bridge, find_account, of_account, read_bridge
from pipelines.explain.cell import Asked, find_cell
from pipelines.explain.show import Account, print_account, print_accounts, print_bridge, title, write_csv
from pipelines.explain.sources import read_rates, read_sources
from pipelines.report import open_release
from pipelines.settings import Settings


def explain_arr(
    settings: Settings, asked: Asked, account: str | None, show_all: bool, csv: Path | None, console: Console
) -> None:
    """Print the bridge of the cell that is asked for and its accounts, or one account with its source rows.

    Raises InputError for what is not there, ReleaseError when the release cannot answer.
    """
    release = _current(settings)
    company = known_company(settings)
    with open_release(release) as con:
        cell = find_cell(con, release, asked, company.lens_dimensions if company else ())
        bridge = read_bridge(con, release, cell)
        found = _account(con, settings, release, bridge, account) if account is not None else None
    if found is not None:
        print_account(console, bridge, found)
    else:
        print_bridge(console, bridge)
        print_accounts(console, bridge, show_all)
    if csv is not None:
        count = write_csv(cell, found.changes if found else bridge.changes, csv)
        console.print(f"{count:,} rows in {escape(str(csv))}: opening + movements = closing", soft_wrap=True)
    hint = " · --account ID shows an account's contracts" if found is None and bridge.changes else ""
    console.print(f"[dim]release {release.id}{hint}[/]", soft_wrap=True)


def explain_adoption(
    settings: Settings, asked: AskedAdoption, show_all: bool, csv: Path | None, console: Console
) -> None:
    """Print the adoption figures of a feature in a month, and the accounts behind them by state.

    Raises InputError for what is not there, ReleaseError when the release cannot answer.
    """
    release = _current(settings)
    company = known_company(settings)
    policy = None
    if company is not None:
        policy = Policy(company.policy.adoption_established_days, company.policy.adoption_window_days)
    with open_release(release) as con:
        cell = find_adoption(con, release, asked, company.lens_dimensions if company else ())
        explained = read_adoption(con, release, cell)
    print_figures(console, explained, policy)
    print_members(console, explained, policy, show_all)
    if csv is not None:
        count = write_members(explained, csv)
        console.print(f"{count:,} rows in {escape(str(csv))}", soft_wrap=True)
    console.print(f"[dim]release {release.id}[/]", soft_wrap=True)


def _current(settings: Settings) -> Release:
    release = current(settings.home)
    if release is None:
        raise InputError("there is no release yet", where=str(settings.home.serving), mend="run `lens refresh`")
    return release


def _account(
    con: duckdb.DuckDBPyConnection, settings: Settings, release: Release, bridge: Bridge, text: str
) -> Account:
    account_id, name = find_account(con, text)
    changes = of_account(bridge, account_id)
    if not changes and (bridge.cell.segment is not None or bridge.cell.product_line is not None):
        raise InputError(
            f"account {account_id} has no ARR in this cell ({title(bridge.cell)}), and none that moved",
            where="--account",
            mend=f"leave --segment and --product-line out to see where it is: {_whereabouts(con, bridge, account_id)}",
        )
    return Account(
        account_id,
        name,
        changes,
        read_rates(con, bridge.cell, account_id),
        read_sources(settings.home, release, bridge.cell, account_id),
    )


def _whereabouts(con: duckdb.DuckDBPyConnection, bridge: Bridge, account_id: str) -> str:
    """Segments at the month's end and product lines with ARR in it."""
    cell = bridge.cell
    rows = con.execute(
        """
        SELECT dimension || ' ' || segment FROM marts.dim_account_segment
        WHERE account_id = $account AND $day >= valid_from AND $day < valid_to
        UNION ALL
        SELECT DISTINCT product_line FROM marts.fct_arr_month
        WHERE account_id = $account AND month_start IN ($month, $previous) AND arr <> 0
        """,
        {"account": account_id, "day": cell.closing_on, "month": cell.month, "previous": cell.previous_month},
    ).fetchall()
    return ", ".join(sorted(name for (name,) in rows))
