"""`lens explain adoption`: every published figure is made of the accounts that are shown, each with the reason why."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from assets.errors import InputError
from assets.home import Home
from assets.serving.manifest import Release, ReleaseMeta
from assets.serving.release import current, publish
from assets.serving.snapshot import ReleaseError
from assets.warehouse import read, write
from pipelines.explain.adoption import STATES, Explained, Figures, Member, read_adoption
from pipelines.explain.adoption_cell import AdoptionCell, AskedAdoption, find_adoption
from pipelines.explain.adoption_show import Policy, print_figures, print_members
from pipelines.explain.command import explain_adoption
from pipelines.report import open_release
from pipelines.settings import Settings
from support.accounts_world import accounts_tables
from support.release_home import Judged
from support.usage_world import MARTS, UsageHome

NEEDED = ("dim_account", "dim_account_segment")
_homes: dict[tuple[Path, str], Home] = {}


def publish_all(home: Home, *left_out: str) -> Release:
    """Publish the marts of a usage build as the joint group of one release."""
    with read(home.warehouse) as con:
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'").fetchall()
        as_of = con.execute("SELECT joint_watermark FROM intermediate.int_usage__watermarks").fetchall()[0][0]
    meta = ReleaseMeta(
        as_of={"joint": as_of}, run_id="run-1", fingerprint="f", contract_version="1.0", company="Examples",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip
    marts = tuple(sorted({name for (name,) in names} - set(left_out)))
    return publish(home, {"joint": marts}, [Judged("judged", "joint", status="pass")], meta)


def homes(factory: pytest.TempPathFactory, name: str) -> Home:
    """A home with a release of the usage marts of a company of ``accounts_world``, made once a session."""
    base = factory.getbasetemp()
    if (base, name) not in _homes:
        home = Home(factory.mktemp(f"explain_{name}"))
        built = UsageHome(home.warehouse, base / "dbt_usage")
        built.fill(accounts_tables(name))
        built.dbt("run", "--full-refresh", "--select", *(f"+{mart}" for mart in (*MARTS, *NEEDED)))
        publish_all(home)
        _homes[base, name] = home
    return _homes[base, name]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return homes(tmp_path_factory, "entitlements")


def told(home: Home, width: int = 80, *, show_all: bool = False, csv: Path | None = None, **asked: str) -> str:
    """What the command prints."""
    settings = Settings(home, Path("nowhere"), True, "local", False, None)  # type: ignore[arg-type]
    console = Console(file=StringIO(), width=width, highlight=False)
    explain_adoption(settings, AskedAdoption(**asked), show_all, csv, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_accounts_of_every_cell_make_its_published_figures(home: Home) -> None:
    """read_adoption refuses figures that its accounts do not make; here that is never so."""
    release, seen = current(home), Counter[str]()
    assert release is not None
    with open_release(release) as con:
        cells = con.execute(
            "SELECT month_start, nullif(dimension, 'all'), nullif(segment, 'all'), scope_key, entitled_accounts "
            "FROM marts.adoption WHERE scope = 'feature'"
        ).fetchall()
        for month, dimension, segment, feature, entitled in cells:
            asked = AskedAdoption(feature, f"{month:%Y-%m}", dimension, segment)
            explained = read_adoption(con, release, find_adoption(con, release, asked, ("size", "region")))
            assert explained.figures.entitled_accounts == entitled
            seen.update(member.state for member in explained.members)
            assert explained.cell.is_complete == (month.month < 4)
    assert set(seen) == set(STATES) and len(cells) > 50


def test_the_reason_stands_beside_every_account(home: Home) -> None:
    shown = told(home, 160, feature="board", month="2024-04", show_all=True)
    with read(home.warehouse) as con:
        rows = con.execute("""
            SELECT account_id, account_name, state, first_used_on::VARCHAR, last_used_on::VARCHAR, days_28d, users_28d,
                arr
            FROM marts.account_adoption JOIN marts.dim_account USING (account_id)
            WHERE feature_key = 'board' AND month_start = DATE '2024-04-01'
        """).fetchall()
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for account, name, state, first, last, days, users, arr in rows:
        use = [first, last] * (first is not None) + [f"{days}", f"{users}"] * (days > 0)
        place = lines.index(" ".join([account, name, *use, f"{arr:,.2f}"]))
        titles = {"off_entitlement": ("not entitled:", "no longer entitled:"), "never": ("never used:",)}
        above = next(line for line in reversed(lines[:place]) if " account" in line and ":" in line)
        assert above.startswith(titles.get(state, (f"{state}:",))), (account, above)
    assert len(rows) >= 4 and "The month is not over" in shown and "to 2024-04-10" in shown


@pytest.mark.parametrize("width", [80, 160])
def test_what_is_printed_fits_the_terminal(home: Home, width: int) -> None:
    shown = told(home, width, feature="REPORT", month="2024-03", segment="BIG")
    assert max(map(len, shown.splitlines())) <= width
    assert "Adoption of Reports (report), March 2024 · size big" in shown
    assert "What entitles an account: a grant of the feature or of its product line." in shown
    assert "The month is not over" not in shown and "Fewer than 10 accounts" in shown
    named = told(home, width, feature="chat [BOLD]")
    assert "Adoption of Chat [bold] (ai_chat), April 2024 · all accounts" in named


@pytest.mark.slow
def test_without_money_there_is_no_money_column(tmp_path_factory: pytest.TempPathFactory) -> None:
    shown = told(homes(tmp_path_factory, "all_live"), feature="report", month="2024-03")
    assert "ARR" not in shown and "every account that exists" in shown and "0.00" not in shown


def _explained(count: int) -> Explained:
    used, name = date(2026, 9, 2), "The Very Long Name Of [bold] Company " * 3
    members = [
        Member(f"0015g00000ABCDEFGHAAX{n}", name, "tried", True, used, used, None, 3, 2, Decimal(1_000_000_000 - n))
        for n in range(count)
    ]
    cell = AdoptionCell("ai_chat", "AI chat", date(2026, 9, 1), date(2026, 9, 30), None, None)
    money = sum((member.arr or Decimal() for member in members), Decimal())
    return Explained(cell, "entitlements", "USD", Figures(count, count, 0, count, 0, money, money), tuple(members))


def test_names_are_cut_figures_never_and_the_rest_is_counted() -> None:
    console = Console(file=StringIO(), width=80)
    print_figures(console, _explained(12), Policy(3, 28))
    print_members(console, _explained(12), Policy(3, 28), show_all=False)
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "1,000,000,000.00" in shown and "…" in shown and "and 7 more (--all)" in shown
    assert "but never yet on 3 days within 28" in " ".join(shown.split())


def test_the_accounts_as_a_file(home: Home, tmp_path: Path) -> None:
    shown = told(home, feature="export", month="2024-03", csv=tmp_path / "export.csv")
    with (tmp_path / "export.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} rows in" in shown.replace("\n", " ")
    with read(home.warehouse) as con:
        stated = con.execute("""
            SELECT entitled_accounts, current_accounts, entitled_arr FROM marts.adoption
            WHERE scope_key = 'export' AND month_start = DATE '2024-03-01' AND is_total AND scope = 'feature'
        """).fetchall()
    entitled = [row for row in rows if row["entitled"] == "True"]
    current_rows = [row for row in entitled if row["state"] in ("tried", "established")]
    assert [(len(entitled), len(current_rows), sum(Decimal(row["arr"]) for row in entitled))] == stated
    with pytest.raises(InputError, match="cannot be written"):
        told(home, feature="export", csv=tmp_path / "no" / "such.csv")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ["no feature is named", "ai_chat, any_chat, board"]),
        ({"feature": "ai_chatt"}, ["no feature 'ai_chatt' (did you mean ai_chat?)", "unseen"]),
        ({"feature": "reports"}, ["2 features are called 'reports'", "export, report"]),
        ({"feature": "Insight"}, ["'Insight' is a feature set, not a feature", "board, export, report"]),
        ({"feature": "plus"}, ["is a product line, not a feature", "ai_chat, any_chat, board"]),
        ({"feature": "board", "month": "2024-13"}, ["'2024-13' is not a month", "YYYY-MM"]),
        ({"feature": "board", "month": "2025-01"}, ["no adoption for 2025-01", "from 2024-02 to 2024-04"]),
        ({"feature": "board", "segment": "smbb"}, ["no segment 'smbb' (did you mean smb?)", "size: big, smb, unas"]),
        ({"feature": "board", "segment": "smb", "dimension": "regio"}, ["no dimension 'regio' (did you mean region?)"]),
        ({"feature": "board", "dimension": "size"}, ["--dimension size alone", "big, smb, unassigned"]),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(home: Home, asked: dict[str, str], words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        told(home, **asked)
    for word in words:
        assert word in str(error.value)


def test_a_feature_that_nobody_may_use_or_used(home: Home) -> None:
    shown = told(home, feature="unseen", month="2024-02", segment="emea")
    assert "No account of this cell may use it on 2024-02-29, and none ever used it." in shown


def test_a_release_that_contradicts_itself_or_lacks_the_tables_is_not_explained(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "home", symlinks=True)
    mine = Home(tmp_path / "home")
    with write(mine.warehouse) as con:
        con.execute("UPDATE marts.adoption SET current_accounts = current_accounts + 1 WHERE scope_key = 'board'")
    publish_all(mine)
    with pytest.raises(ReleaseError, match=r"current_accounts: the accounts give \d+, the published table says \d+"):
        told(mine, feature="board", month="2024-03")
    shutil.rmtree(mine.serving)
    publish_all(mine, "account_adoption")
    with pytest.raises(ReleaseError, match="holds no adoption tables yet"):
        told(mine, feature="board")
    with pytest.raises(InputError, match="no release yet"):
        told(Home(tmp_path), feature="board")
