"""The bridge, its accounts and their source rows on a terminal, or as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.errors import InputError
from pipelines.explain.bridge import CLOSING, OPENING, Bridge, Change, Step
from pipelines.explain.cell import Cell
from pipelines.explain.sources import Discount, Rated, Sources, Version

SHOWN = 5
# Columns of the list of accounts: ids and reasons are cut beyond these widths, names get what is left.
_MOST_ID, _MOST_REASON, _LEAST_NAME = 26, 16, 12
_WORDS = {
    "fx": "exchange rates", "cross_sell": "cross-sell", "product_winback": "product win-back",
    "transfer_in": "from other segments", "transfer_out": "to other segments", "new_logo": "new logos",
    "logo_churn": "lost logos", "product_churn": "lost products", "migration_in": "migrated in",
    "migration_out": "migrated out",
}  # fmt: skip
_COLUMNS = ("month_start", "dimension", "segment", "product_line", "movement", "account_id", "account_name", "reason",
            "arr")  # fmt: skip


def words(movement: str) -> str:
    """A movement as people say it."""
    return _WORDS.get(movement, movement.replace("_", " "))


def title(cell: Cell) -> str:
    """``September 2026 · size enterprise · Insights``."""
    parts = [f"{cell.month:%B %Y}"]
    parts += [f"{cell.dimension} {cell.segment}"] if cell.segment is not None else []
    parts += [cell.product_line] if cell.product_line is not None else []
    return " · ".join(parts if len(parts) > 1 else [*parts, "whole company"])


def print_bridge(console: Console, bridge: Bridge) -> None:
    """Opening, movements, closing, each with how many accounts it is made of."""
    cell = bridge.cell
    console.print(f"[bold]ARR, {escape(title(cell))}[/]")
    table = Table(box=box.SIMPLE_HEAVY)
    table.add_column("")
    table.add_column(bridge.currency, justify="right", no_wrap=True)
    table.add_column("accounts", justify="right", no_wrap=True)
    _ends(table, f"opening, {cell.opening_on}", bridge.opening)
    for step in bridge.steps:
        table.add_row(words(step.movement), signed(step.arr), f"{len(step.changes):,}")
    _ends(table, f"closing, {cell.closing_on}", bridge.closing)
    console.print(table)
    if not cell.is_complete:
        console.print(f"The month is not over: it stands as finance knew it on {cell.closing_on}.\n")
    if not bridge.changes:
        console.print("No account has ARR in this cell at either end of the month.")


def _ends(table: Table, label: str, step: Step) -> None:
    table.add_row(label, f"{step.arr:,.2f}", f"{len(step.changes):,}", style="bold")


def signed(amount: Decimal) -> str:
    """An amount that says which way it goes."""
    return f"{amount:+,.2f}"


def print_accounts(console: Console, bridge: Bridge, show_all: bool) -> None:
    """The accounts behind each movement, largest first. Names are cut to the terminal, amounts never."""
    if not bridge.steps:
        return
    shown = {step.movement: step.changes if show_all else step.changes[:SHOWN] for step in bridge.steps}
    listed = [change for changes in shown.values() for change in changes]
    has_reasons = any(change.reason for change in listed)
    amounts = max(len(signed(arr)) for step in bridge.steps for arr in (step.arr, *(c.arr for c in step.changes)))
    labels = max(len(words(step.movement)) for step in bridge.steps)
    ids = max(labels, min(_MOST_ID, max([0, *(len(change.account_id) + 2 for change in listed)])))
    reasons = min(_MOST_REASON, max(len(text) for text in ("reason", *(c.reason or "" for c in listed)))) * has_reasons
    columns = 4 if has_reasons else 3
    names = max(_LEAST_NAME, console.width - ids - reasons - amounts - 3 * columns - 1)
    console.print("[bold]Accounts, largest first[/]")
    table = Table(box=box.SIMPLE_HEAVY)
    table.add_column("account", no_wrap=True, overflow="ellipsis", max_width=ids, min_width=ids)
    table.add_column("name", no_wrap=True, overflow="ellipsis", max_width=names)
    if has_reasons:
        table.add_column("reason", no_wrap=True, overflow="ellipsis", max_width=reasons)
    table.add_column(bridge.currency, justify="right", no_wrap=True, min_width=amounts)
    blank = ("",) * has_reasons
    for step in bridge.steps:
        table.add_row(f"[bold]{words(step.movement)}[/]", "", *blank, f"[bold]{signed(step.arr)}[/]")
        for change in shown[step.movement]:
            reason = (escape(change.reason or ""),) * has_reasons
            table.add_row(
                "  " + escape(change.account_id), escape(change.account_name or ""), *reason, signed(change.arr)
            )
        rest = step.changes[len(shown[step.movement]) :]
        if rest:
            amount = signed(sum((change.arr for change in rest), Decimal()))
            table.add_row("", f"[dim]and {len(rest):,} more (--all)[/]", *blank, f"[dim]{amount}[/]")
    console.print(table)


@dataclass(frozen=True)
class Account:
    """One account of a cell, with what the release and finance say about it."""

    account_id: str
    name: str | None
    changes: Sequence[Change]
    rates: Sequence[Rated]
    sources: Sources


def print_account(console: Console, bridge: Bridge, account: Account) -> None:
    """The account's own bridge in the cell, its rates, and the contract versions behind them."""
    cell = bridge.cell
    name = f"{account.account_id} {account.name}" if account.name else account.account_id
    console.print(f"[bold]ARR of {escape(name)}, {escape(title(cell))}[/]", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAVY)
    table.add_column("")
    table.add_column(bridge.currency, justify="right", no_wrap=True)
    table.add_column("reason", overflow="ellipsis")
    ends = {OPENING: f"opening, {cell.opening_on}", CLOSING: f"closing, {cell.closing_on}"}
    changes = {change.movement: change for change in account.changes}
    for movement in [OPENING, *(m for m in changes if m not in ends), CLOSING]:
        change = changes.get(movement)
        amount = change.arr if change else Decimal()
        text = f"{amount:,.2f}" if movement in ends else signed(amount)
        style = "bold" if movement in ends else None
        reason = escape((change.reason if change else None) or "")
        table.add_row(ends.get(movement) or words(movement), text, reason, style=style)
    console.print(table)
    for month, day in ((cell.previous_month, cell.opening_on), (cell.month, cell.closing_on)):
        for rated in (rated for rated in account.rates if rated.month == month):
            console.print(f"  {day}  {escape(_rated(rated, bridge.currency))}", soft_wrap=True)
    _print_sources(console, cell, account.sources)


def _rated(rated: Rated, currency: str) -> str:
    local = f"{rated.product_line}: {rated.arr_local:,.2f} {rated.currency}"
    if rated.currency == currency:
        return local
    return f"{local} × {rated.fx_rate.normalize():f} = {rated.arr:,.2f} {currency}"


def _print_sources(console: Console, cell: Cell, sources: Sources) -> None:
    console.print(f"\n[bold]Contracts of the month[/], {sources.delivery}", soft_wrap=True)
    if not sources.is_of_release:
        console.print("  [yellow]They are of another refresh than the release: `lens status` says which failed.[/]")
    for version in sources.versions:
        _print_version(console, version)
    for discount in sources.discounts:
        console.print(f"  discount {escape(_discount(discount))}", soft_wrap=True)
    for row in sources.stated:
        text = f"{row.month:%Y-%m} {row.product_line} {row.arr:,.2f} {row.currency}, as finance states it"
        console.print(f"  {escape(text)}", soft_wrap=True)
    if not sources.versions and not sources.stated:
        console.print("  none")


def _print_version(console: Console, version: Version) -> None:
    until = f"to {version.serves_to}" if version.serves_to else "on"
    console.print(
        f"  [bold]{escape(version.item_id)}[/] v{version.version_no} {version.status}, "
        f"from {version.effective_from} {until}",
        soft_wrap=True,
    )
    line = f" ({version.product_lines})" if version.product_lines != version.product_id else ""
    console.print(f"    {escape(version.product_id + line)}: {escape(price(version))}", soft_wrap=True)
    worth = f"ARR {version.opening_arr:,.2f} → {version.closing_arr:,.2f} {version.currency}"
    if version.gross_arr != version.closing_arr:
        worth += f" ({version.gross_arr:,.2f} before discounts)"
    console.print(f"    {worth}", soft_wrap=True)
    facts = {
        "end reason": version.end_reason,
        "cancel requested": version.cancel_requested_at,
        "replaces": version.replaces_item_id,
        "signed": version.signed_date,
    }
    told = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    if told:
        console.print(f"    {escape(told)}", soft_wrap=True)


def price(version: Version) -> str:
    """What is paid, as the contract says it: ``20 × 49 USD a month``."""
    count = version.interval_count
    every = f"a {version.interval}" if count == 1 else f"every {count} {version.interval}s"
    if version.interval == "term":
        every = "for the whole term"
    if version.pricing_model == "committed_usage":
        return f"committed usage of {_plain(version.committed_amount or Decimal())} {version.currency} {every}"
    text = f"{_plain(version.quantity)} × {_plain(version.unit_amount)} {version.currency} {every}"
    return f"{text}, metered: no ARR" if version.pricing_model == "metered" else text


def _discount(discount: Discount) -> str:
    amount = f"{_plain(discount.value)} %" if discount.kind == "percent" else _plain(discount.value)
    if discount.kind == "amount" and discount.currency:
        amount += f" {discount.currency}"
    until = f" to {discount.ends_on}" if discount.ends_on else ""
    often = "once, which is never ARR" if discount.duration == "once" else discount.duration
    text = f"{discount.discount_id}: {amount} off {discount.target}, {often}"
    return f"{text}, from {discount.starts_on}{until}"


def _plain(number: Decimal) -> str:
    """Thousands separated, and no zeros that say nothing."""
    text = f"{number:,.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return whole if not cents else f"{whole}.{cents.ljust(2, '0')}"


def write_csv(cell: Cell, changes: Sequence[Change], path: Path) -> int:
    """Accounts' parts of the lines of a bridge as CSV; the number of rows. Raises InputError for a path it cannot
    write to."""
    cut = (cell.month, cell.dimension or "all", cell.segment or "all", cell.product_line or "all")
    rows = [(*cut, c.movement, c.account_id, c.account_name or "", c.reason or "", c.arr) for c in changes]
    return write_rows(path, _COLUMNS, rows)


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """A CSV file with a header; the number of rows. Raises InputError for a path it cannot write to."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise InputError(
            f"the CSV file cannot be written: {error.strerror}",
            where=str(path),
            mend="name a file in a folder of yours",
        ) from error
    return len(rows)
