"""Small company folders for tests: a few lines of text per file, nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.company.load import load_company
from assets.company.model import Company
from assets.finance.deliveries import Delivery
from assets.finance.landing import land
from assets.finance.raw import FinanceSummary, load_raw
from assets.home import Home
from assets.warehouse import write

SETTINGS = "name: Acme\nreporting_currency: USD\n"
FEATURES = "feature_key,feature_name,feature_set,product_line,event_type\nreports,Reports,Core,Analytics,Report *\n"
ITEMS = (
    "item_id,version_no,subscription_id,account_id,product_id,status,effective_from,effective_to,"
    "currency,quantity,unit_amount,interval"
)
PRODUCTS = "product_id,product_name,product_line\np1,Analytics,Analytics\np2,Storage,Storage\n"


def accounts(count: int = 5) -> str:
    """accounts.csv with acct-1 … acct-<count>."""
    return "account_id,account_name\n" + "".join(f"acct-{n},Account {n}\n" for n in range(1, count + 1))


def items(*rows: str) -> str:
    """subscription_items.csv with the columns of ITEMS."""
    return "\n".join([ITEMS, *rows]) + "\n"


def item(number: int, account: int | None = None, **cells: Any) -> str:
    """One open monthly item: item-<number> of acct-<account, else number> on p1 from 2024-01-01."""
    row = {
        "item_id": f"item-{number}", "version_no": 1, "subscription_id": f"sub-{number}",
        "account_id": f"acct-{account or number}", "product_id": "p1", "status": "active",
        "effective_from": "2024-01-01", "effective_to": "", "currency": "USD", "quantity": 1,
        "unit_amount": 100, "interval": "month",
    } | cells  # fmt: skip
    return ",".join(str(value) for value in row.values())


def make_folder(root: Path, finance: Mapping[str, str | bytes] | None = None, **files: str | bytes) -> Path:
    """A company folder under ``root``: ``finance`` maps file names to content; ``files`` replaces
    company_yaml, features_csv, launches_csv, board_yaml."""
    folder = root / "company"
    (folder / "finance").mkdir(parents=True, exist_ok=True)
    content = {"company_yaml": SETTINGS, "features_csv": FEATURES} | files
    for name, text in content.items():
        _write(folder / name.replace("_", "."), text)
    for name, text in ({"accounts.csv": accounts()} | dict(finance or {})).items():
        _write(folder / "finance" / name, text)
    return folder


def make_company(root: Path, finance: Mapping[str, str | bytes] | None = None, **files: str | bytes) -> Company:
    """``make_folder``, loaded."""
    return load_company(make_folder(root, finance, **files))


def deliver(
    root: Path, finance: Mapping[str, str | bytes], on: str = "2024-06-30", company_yaml: str = SETTINGS
) -> Delivery:
    """Replace the finance files, then land them into ``root/home`` at noon UTC of that day."""
    for old in (root / "company" / "finance").glob("*"):
        old.unlink()
    company = make_company(root, finance, company_yaml=company_yaml)
    return land(Home(root / "home"), company, now=datetime.fromisoformat(f"{on}T12:00:00").replace(tzinfo=UTC))


def replayed(root: Path, query: str) -> list[tuple[Any, ...]]:
    """Load the raw tables of ``root/home`` and answer a query on them."""
    home = Home(root / "home")
    with write(home.warehouse) as con:
        load_raw(con, home, load_company(root / "company"), None)
        return con.execute(query).fetchall()


def summary(root: Path, until: Any = None) -> FinanceSummary:
    """Load the raw tables of ``root/home``."""
    home = Home(root / "home")
    with write(home.warehouse) as con:
        return load_raw(con, home, load_company(root / "company"), until)


def reasons(delivery: Delivery) -> dict[tuple[str, str], str]:
    """(table, row number) → reason of what the delivery quarantined."""
    rows = duckdb.execute(
        "SELECT table_name, regexp_extract(row_ref, '[0-9]+$'), reason FROM read_parquet(?)",
        [str(delivery.folder / "quarantine.parquet")],
    ).fetchall()
    return {(table, row): reason for table, row, reason in rows}


def complete_journey() -> Path:
    """The folder of the Complete Journey company, else the test is skipped."""
    data = Path(os.environ.get("LENS_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    folder = data / "complete_journey"
    if not folder.is_dir():
        pytest.skip(f"the Complete Journey data is not at {folder}; set LENS_TEST_DATA")
    return folder


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
