"""`lens explain arr`: every bridge is the published one, and the accounts behind it add up to it, to the cent."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from assets.errors import InputError
from assets.home import Home
from assets.serving.manifest import Release
from assets.serving.snapshot import ReleaseError
from pipelines.explain.bridge import CLOSING, OPENING, Bridge, Change, Step, read_bridge
from pipelines.explain.cell import Asked, Cell, find_cell
from pipelines.explain.command import explain_arr
from pipelines.explain.show import print_accounts
from pipelines.lock import refresh_lock
from pipelines.report import open_release
from pipelines.settings import Settings
from support.explain_home import publish_money, published
from support.money_companies import sandbox

COMPANIES = pytest.mark.parametrize("name", ["story", "journey", "sandbox"])
_KINDS = (
    "SELECT DISTINCT month_start, NULL, NULL, NULL FROM marts.arr_by_segment",
    "SELECT month_start, dimension, segment, NULL FROM marts.arr_by_segment",
    "SELECT month_start, NULL, NULL, product_line FROM marts.arr_by_product_line",
    "SELECT month_start, dimension, segment, product_line FROM marts.arr_by_segment_and_product_line",
)


def cells(con: duckdb.DuckDBPyConnection, release: Release) -> Iterator[Cell]:
    """Of each kind of cell that the ARR marts have rows for some two dozen, spread over months and keys."""
    for kind in _KINDS:
        rows = con.execute(f"{kind} ORDER BY ALL").fetchall()
        for month, dimension, segment, line in rows[:: 1 + len(rows) // 24]:
            yield find_cell(con, release, Asked(f"{month:%Y-%m}", dimension, segment, line), ())


@contextmanager
def reading(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Release]]:
    _, release = published(factory, name)
    with open_release(release) as con:
        yield con, release


def told(home: Home, width: int = 80, *, company: Path = Path("nowhere"), **asked: str | bool | Path | None) -> str:
    """What the command prints."""
    settings = Settings(home, company, True, "local", False, None)
    console = Console(file=StringIO(), width=width, highlight=False)
    options = {name: asked.pop(name, None) for name in ("account", "csv")}
    show_all = bool(asked.pop("show_all", False))
    explain_arr(settings, Asked(**asked), options["account"], show_all, options["csv"], console)  # type: ignore[arg-type]
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@COMPANIES
def test_the_accounts_of_every_cell_add_up_to_its_published_bridge(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """read_bridge refuses a bridge that its accounts do not make; here that is never so."""
    seen = defaultdict(int)
    with reading(tmp_path_factory, name) as (con, release):
        for cell in cells(con, release):
            bridge = read_bridge(con, release, cell)
            of_accounts: dict[str, Decimal] = defaultdict(Decimal)
            for change in bridge.changes:
                of_accounts[change.account_id] += -change.arr if change.movement == CLOSING else change.arr
            assert set(of_accounts.values()) <= {Decimal(0)}, "each account's own bridge closes"
            seen[cell.segment is not None, cell.product_line is not None] += bool(bridge.changes)
    assert len(seen) == 4 and min(seen.values()) > 5


def step(bridge: Bridge, movement: str) -> list[tuple[str, str | None, Decimal]]:
    return [
        (change.account_id, change.reason, change.arr)
        for found in bridge.steps
        if found.movement == movement
        for change in found.changes
    ]


def test_movements_go_where_the_account_was_and_what_is_left_follows_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with reading(tmp_path_factory, "story") as (con, release):
        left = read_bridge(con, release, find_cell(con, release, Asked("2025-03", None, "SMB", None), ("size",)))
        came = read_bridge(con, release, find_cell(con, release, Asked("2025-03", None, "mid", "core"), ("size",)))
    assert (left.cell.dimension, left.cell.segment) == ("size", "smb")
    assert [(a, d) for a, _, d in step(left, "expansion")] == [("grower", Decimal("720.00"))]
    assert step(left, "transfer_out") == [("grower", "to mid", Decimal("-1920.00"))]
    assert [(a, d) for a, _, d in step(left, "churn")] == [("churned_and_moved", Decimal("-1200.00"))]
    assert step(came, "transfer_in") == [("grower", "from smb", Decimal("1920.00"))]
    assert (came.opening.arr, came.closing.arr) == (0, Decimal("1920.00"))


def test_the_largest_accounts_come_first_and_the_rest_is_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    home, _ = published(tmp_path_factory, "story")
    short, whole = told(home, month="2025-01"), told(home, month="2025-01", show_all=True)
    rows = [line.split() for line in short.splitlines()]
    start = next(number for number, row in enumerate(rows) if row[:1] == ["new"] and len(row) == 2 and number > 8)
    amounts = [Decimal(row[-1].replace(",", "")) for row in rows[start + 1 : start + 6]]
    assert amounts == sorted(amounts, reverse=True)
    assert "more (--all)" in short and "more (--all)" not in whole
    assert len(whole.splitlines()) > len(short.splitlines()) + 20


@pytest.mark.parametrize("width", [80, 160])
def test_what_is_printed_fits_the_terminal_and_adds_up(tmp_path_factory: pytest.TempPathFactory, width: int) -> None:
    home, _ = published(tmp_path_factory, "sandbox")
    settings = sandbox(tmp_path_factory).company
    shown = told(home, width, company=settings, month="2026-09", segment="Mid_Market", product_line="Insights")
    assert max(map(len, shown.splitlines())) <= width
    assert "ARR, September 2026 · size mid_market · insights" in shown
    table = shown.split("Accounts, largest first")[0].splitlines()
    amounts = [
        Decimal(cells[-2].replace(",", "")) for cells in map(str.split, table) if cells[-1:] and cells[-1].isdigit()
    ]
    assert len(amounts) >= 3 and sum(amounts[:-1]) == amounts[-1], shown


def test_long_names_are_cut_and_amounts_never() -> None:
    name, account = "The Very Long Name Of [bold] Company " * 3, "0015g00000ABCDEFGHAAX" * 2
    amount = Decimal("1481481468.00")
    change = Change("new", account, name, "some reason that finance made up", amount)
    ends = [Step(movement, total, ()) for movement, total in ((OPENING, Decimal()), (CLOSING, amount))]
    cell = Cell(date(2025, 1, 1), date(2024, 12, 31), date(2025, 1, 31), None, None, None)
    console = Console(file=StringIO(), width=80)
    print_accounts(console, Bridge(cell, "USD", ends[0], (Step("new", amount, (change,)),), ends[1]), show_all=True)
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("+1,481,481,468.00") == 2 and "…" in shown and "The Very" in shown, shown


def test_an_account_is_explained_by_its_contracts_discounts_and_rates(tmp_path_factory: pytest.TempPathFactory) -> None:
    home, _ = published(tmp_path_factory, "story")
    shown = told(home, 120, month="2025-03", account="COMPOUND")
    assert "compound v1 active, from 2025-01-01 on" in shown and "1 × 100 USD a month" in shown
    assert "ARR 804.00 → 804.00 USD (1,200.00 before discounts)" in shown
    assert "d2: 20 % off subscription sub-compound, forever, from 2025-01-01" in shown
    assert "d4: 50 % off item compound, once, which is never ARR" in shown
    euro = told(home, 120, month="2025-04", account="euro_grows")
    assert "2025-03-31  Core: 1,200.00 EUR × 1.1 = 1,320.00 USD" in euro
    assert "2025-04-30  Core: 1,800.00 EUR × 1.2 = 2,160.00 USD" in euro
    assert "euro_grows v1" in euro and "euro_grows v2" in euro
    gone = told(home, 120, month="2025-03", account="leaver")
    assert "churn" in gone and "involuntary" in gone and "leaver v2 canceled" in gone
    replaced = told(home, 120, month="2025-03", account="replaced")
    assert "replaced v1 active, from 2025-01-01 to 2025-03-10" in replaced and "replaces replaced" in replaced
    other = told(home, 120, month="2025-03", account="two_at_once", product_line="core")
    assert "ARR of two_at_once, March 2025 · Core" in other and "finance delivery 1" in other


def test_in_minimum_mode_the_source_is_what_finance_states(tmp_path_factory: pytest.TempPathFactory) -> None:
    home, release = published(tmp_path_factory, "journey")
    with open_release(release) as con:
        account, month, arr = con.execute(
            "SELECT account_id, month_start, sum(arr) FROM marts.fct_arr_month GROUP BY ALL ORDER BY 3 DESC LIMIT 1"
        ).fetchall()[0]
    shown = told(home, 120, month=f"{month:%Y-%m}", account=account)
    assert "as finance states it" in shown and f"{arr:,.2f}" in shown


def test_the_accounts_as_a_file(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    home, _ = published(tmp_path_factory, "story")
    shown = told(home, month="2025-03", segment="mid", csv=tmp_path / "mid.csv")
    with (tmp_path / "mid.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} rows in" in shown.replace("\n", " ")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["movement"]] += Decimal(row["arr"])
    closing = sums.pop(CLOSING)
    assert sum(sums.values()) == closing and {row["segment"] for row in rows} == {"mid"} and OPENING not in sums
    told(home, month="2025-03", account="grower", csv=tmp_path / "one.csv")
    assert {line.split(",")[5] for line in (tmp_path / "one.csv").read_text().splitlines()[1:]} == {"grower"}
    with pytest.raises(InputError, match="cannot be written"):
        told(home, csv=tmp_path / "no" / "such.csv")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"month": "2025-3"}, ["'2025-3' is not a month", "YYYY-MM"]),
        ({"month": "2026-01"}, ["no ARR for 2026-01", "from 2025-01 to 2025-07"]),
        ({"segment": "smbb"}, ["no segment 'smbb' (did you mean smb?)", "size: mid, smb, unassigned", "industry: un"]),
        ({"segment": "smb", "dimension": "industry"}, ["no segment 'smb'", "industry: unassigned"]),
        ({"segment": "smb", "dimension": "sizes"}, ["no dimension 'sizes' (did you mean size?)", "industry, size"]),
        ({"dimension": "size"}, ["--dimension size alone", "mid, smb, unassigned"]),
        ({"product_line": "Cor"}, ["no product line 'Cor' (did you mean Core?)", "Add-ons, Core, Extra, unassigned"]),
        ({"account": "growr"}, ["no account 'growr'", "grower"]),
        ({"account": "grower", "product_line": "extra"}, ["(July 2025 · Extra)", "Core", "size mid"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_answered_with_what_is(
    tmp_path_factory: pytest.TempPathFactory, asked: dict[str, str], words: list[str]
) -> None:
    home, _ = published(tmp_path_factory, "story")
    with pytest.raises(InputError) as error:
        told(home, **asked)
    for word in words:
        assert word in str(error.value)


def test_a_month_that_is_not_over_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    home, _ = published(tmp_path_factory, "story")
    shown = told(home)
    assert "ARR, July 2025 · whole company" in shown and "closing, 2025-07-15" in shown
    assert "The month is not over: it stands as finance knew it on 2025-07-15." in shown


def copied(factory: pytest.TempPathFactory, folder: Path) -> Home:
    """The story's home, to be changed."""
    home, _ = published(factory, "story")
    shutil.copytree(home.root, folder / "home", symlinks=True)
    return Home(folder / "home")


def test_a_release_whose_tables_contradict_each_other_is_not_explained(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = copied(tmp_path_factory, tmp_path)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("UPDATE marts.arr_by_segment SET churn_arr = churn_arr - 1 WHERE segment = 'smb'")
    publish_money(home)
    with pytest.raises(ReleaseError, match=r"churn: accounts add up to -1,200.00, the published table says -1,201.00"):
        told(home, month="2025-03", segment="smb")


def test_source_rows_wait_for_a_refresh_and_belong_to_the_release(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = copied(tmp_path_factory, tmp_path)
    with refresh_lock(home), pytest.raises(InputError, match="another refresh is running"):
        told(home, account="grower")
    assert "another refresh" not in told(home, account="grower")
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("UPDATE raw.refresh SET run_id = 'later'")
    assert "They are of another refresh than the release" in told(home, account="grower")
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("DROP TABLE raw.finance_state")
    with pytest.raises(InputError, match="not whole"):
        told(home, account="grower")
    home.warehouse.unlink()
    with pytest.raises(InputError, match="not on this machine"):
        told(home, account="grower")
    assert "whole company" in told(home), "the rest needs the release only"


def test_without_a_release_the_mend_is_a_refresh(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no release yet"):
        told(Home(tmp_path))
