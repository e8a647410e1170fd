"""An adoption figure and its accounts on a terminal, or as CSV: who counts, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.explain.adoption import STATES, Explained, Figures, Member, arr_of
from pipelines.explain.adoption_cell import AdoptionCell
from pipelines.explain.show import SHOWN, write_rows

_LEAST_ACCOUNT, _MOST_ACCOUNT = 12, 48
_BASES = {
    "entitlements": "a grant of the feature or of its product line",
    "subscription": "ARR in its product line (there is no entitlements table)",
    "all_live": "every account that exists (there is no money)",
}
_TITLES = {
    "established": "established", "tried": "tried", "lapsed": "lapsed", "never": "never used",
    "off_entitlement": "not entitled", "formerly": "no longer entitled",
}  # fmt: skip
_COLUMNS = ("month_start", "dimension", "segment", "feature_key", "account_id", "account_name", "state", "entitled",
            "first_used_on", "last_used_on", "established_on", "days_28d", "users_28d", "arr")  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """What makes an account established: use on so many distinct days within so many."""

    least_days: int
    window_days: int

    @property
    def text(self) -> str:
        return f"{self.least_days} days within {self.window_days}"


def title(cell: AdoptionCell) -> str:
    """``AI chat (ai_chat), September 2026 · size enterprise``."""
    name = cell.feature_name if cell.feature_name == cell.feature_key else f"{cell.feature_name} ({cell.feature_key})"
    where = f"{cell.dimension} {cell.segment}" if cell.segment is not None else "all accounts"
    return f"{name}, {cell.month:%B %Y} · {where}"


def print_figures(console: Console, explained: Explained, policy: Policy | None) -> None:
    """The published figures of the cell: how many may use it, how many do, and what they pay."""
    cell, figures = explained.cell, explained.figures
    console.print(f"[bold]Adoption of {escape(title(cell))}[/]")
    if not explained.members:
        console.print(f"No account of this cell may use it on {cell.day}, and none ever used it.")
        return
    table = Table(box=box.SIMPLE_HEAVY)
    table.add_column("")
    for name in ("accounts", "share", *((explained.currency or "ARR", "share") * explained.has_money)):
        table.add_column(name, justify="right", no_wrap=True)
    for label, accounts, arr, is_part in _lines(cell, figures, policy):
        cells = [f"{accounts:,}", _share(accounts, figures.entitled_accounts) if is_part else ""]
        if explained.has_money:
            cells += (
                [f"{arr:,.2f}", _share(arr, figures.entitled_arr) if is_part else ""] if arr is not None else ["", ""]
            )
        table.add_row(label, *cells, style="bold" if arr is not None else None)
    console.print(table)
    if explained.basis:
        console.print(f"What entitles an account: {_BASES[explained.basis]}.")
    if 0 < figures.entitled_accounts < 10:
        console.print("Fewer than 10 accounts are entitled: too few to rank or compare.")
    if not cell.is_complete:
        console.print(f"The month is not over: it stands as usage and finance are known to {cell.day}.")
    console.print()


def _lines(cell: AdoptionCell, figures: Figures, policy: Policy | None) -> list[tuple[str, int, object, bool]]:
    """Label, accounts, ARR where the mart has it, and whether it is a part of the entitled."""
    reached = f" (on {policy.text})" if policy else ""
    return [
        (f"entitled, {cell.day}", figures.entitled_accounts, figures.entitled_arr, False),
        ("adopted: used it in 28 days", figures.current_accounts, figures.adopted_arr, True),
        ("ever used it", figures.adopted_ever, None, True),
        (f"ever established{reached}", figures.adopted_established, None, True),
        ("used it without being entitled", figures.off_entitlement_accounts, None, False),
    ]


def _share(part: object, whole: object) -> str:
    return f"{float(str(part)) / float(str(whole)):.1%}" if whole else "–"


def reason(state: str, day: date, policy: Policy | None) -> str:
    """Why the accounts of a state count, or do not."""
    enough = f"on {policy.text}" if policy else "on enough days (policy in company.yaml)"
    return {
        "established": f"count as adopted: used it in the 28 days to {day}, and at some time {enough}",
        "tried": f"count as adopted, not as established: used it in the 28 days to {day}, but never yet {enough}",
        "lapsed": f"do not count: entitled and used it once, but not in the 28 days to {day}",
        "never": f"do not count: entitled, no use on any day up to {day}",
        "off_entitlement": f"counted apart: used it in the 28 days to {day} without being entitled",
        "formerly": f"counted nowhere: used it once, not entitled on {day} and no use in the 28 days before",
    }[state]


def print_members(console: Console, explained: Explained, policy: Policy | None, show_all: bool) -> None:
    """The accounts by state, largest ARR first. Names are cut to the terminal, figures never."""
    amounts = max((len(_amount(member)) for member in explained.members), default=0) * explained.has_money
    for state in STATES:
        members = explained.of_state(state)
        if not members:
            continue
        money = f", {arr_of(members):,.2f} {explained.currency}".rstrip() if explained.has_money else ""
        count = f"{len(members):,} account{'s' * (len(members) != 1)}"
        console.print(f"[bold]{_TITLES[state]}[/]: {count}{escape(money)}")
        console.print(f"[dim]{reason(state, explained.cell.day, policy)}[/]")
        _print_table(console, explained, members if show_all else members[:SHOWN], amounts)
        if len(members) > SHOWN and not show_all:
            console.print(f"  [dim]and {len(members) - SHOWN:,} more (--all)[/]")
        console.print()


def _print_table(console: Console, explained: Explained, members: Sequence[Member], amounts: int) -> None:
    """Dates only where there was use, days and users only where there was some in the 28 days."""
    is_used, is_recent = members[0].first_used_on is not None, members[0].days_28d > 0
    money = explained.currency or "ARR"
    widths = [10, 10] * is_used + [4, 5] * is_recent + [max(amounts, len(money))] * explained.has_money
    names = ["first use", "last use"] * is_used + ["days", "users"] * is_recent + [money] * explained.has_money
    left = console.width - sum(widths) - 3 * (len(widths) + 1)
    account = max(_LEAST_ACCOUNT, min(left, _MOST_ACCOUNT))
    table = Table(box=box.SIMPLE_HEAVY)
    table.add_column("account", no_wrap=True, overflow="ellipsis", min_width=account, max_width=account)
    for name, width in zip(names, widths, strict=True):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for member in members:
        cells = [f"{member.first_used_on}", f"{member.last_used_on}"] * is_used
        cells += [f"{member.days_28d:,}", f"{member.users_28d:,}"] * is_recent
        cells += [_amount(member)] * explained.has_money
        table.add_row(escape(f"{member.account_id} {member.account_name or ''}".rstrip()), *cells)
    console.print(table)


def _amount(member: Member) -> str:
    return f"{member.arr:,.2f}" if member.arr is not None else ""


def write_members(explained: Explained, path: Path) -> int:
    """Every account of the cell as CSV; the number of rows. Raises InputError for a path it cannot write to."""
    cell = explained.cell
    cut = (cell.month, cell.dimension or "all", cell.segment or "all", cell.feature_key)
    rows = [
        (*cut, m.account_id, m.account_name, "off_entitlement" if m.state == "formerly" else m.state, m.entitled,
         m.first_used_on, m.last_used_on, m.established_on, m.days_28d, m.users_28d, m.arr)
        for m in explained.members
    ]  # fmt: skip
    return write_rows(path, _COLUMNS, rows)
