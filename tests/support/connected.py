"""Companies whose finance tables come from stand-ins of other systems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.company.load import load_company
from assets.finance.connectors import stripe
from assets.finance.deliveries import Delivery
from assets.finance.landing import land
from assets.home import Home
from support.company_folder import SETTINGS, make_folder
from support.fake_salesforce import CLIENT_ID, CLIENT_SECRET, FakeSalesforce
from support.fake_stripe import KEY, FakeStripe
from support.rest_server import answering


def connected(
    root: Path,
    sources: str,
    env: Mapping[str, str] | None = None,
    finance: Mapping[str, str] | None = None,
    more: str = "",
) -> Path:
    """A company folder with these ``finance.sources`` (YAML, indented by 4) and this ``.env``."""
    settings = f"{SETTINGS}{more}finance:\n  max_quarantine_share: 0.9\n  sources:\n{sources}"
    folder = make_folder(root, finance or {}, company_yaml=settings)
    if finance is None or "accounts.csv" not in finance:
        (folder / "finance" / "accounts.csv").unlink()
    (folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in (env or {}).items()), encoding="utf-8")
    return folder


def landed(root: Path, on: str = "2024-06-30") -> Delivery:
    """Ask, map and land at noon UTC of that day."""
    now = datetime.fromisoformat(f"{on}T12:00:00").replace(tzinfo=UTC)
    return land(Home(root / "home"), load_company(root / "company"), now=now)


def rows(delivery: Delivery, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Columns of a delivered table, ordered."""
    path = delivery.table(table)
    if path is None:
        return []
    query = f"SELECT {columns} FROM read_parquet(?) WHERE {where} ORDER BY ALL"
    return duckdb.execute(query, [str(path)]).fetchall()


def set_aside(delivery: Delivery) -> list[tuple[str, str, str]]:
    """(table, reason, detail) of the quarantine."""
    query = "SELECT table_name, reason, detail FROM read_parquet(?) ORDER BY ALL"
    return duckdb.execute(query, [str(delivery.folder / "quarantine.parquet")]).fetchall()


STRIPE_TABLES = "".join(
    f"    {table}: stripe\n" for table in ("accounts", "products", "subscription_items", "discounts", "invoice_lines")
)


@contextmanager
def stripe_company(
    root: Path, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch, sources: str = STRIPE_TABLES, **more: Any
) -> Iterator[Path]:
    """A company whose tables come from this stand-in."""
    with answering(fake.reply) as url:
        monkeypatch.setattr(stripe, "BASE_URL", f"{url}/v1/")
        yield connected(root, sources, {"STRIPE_API_KEY": KEY}, **more)


@contextmanager
def salesforce_company(
    root: Path, fake: FakeSalesforce, sources: str, env: Mapping[str, str] | None = None, **more: Any
) -> Iterator[Path]:
    """A company whose tables come from this stand-in; ``env`` replaces the client's credentials."""
    credentials = {"SALESFORCE_CLIENT_ID": CLIENT_ID, "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET} if env is None else env
    with answering(fake.reply) as url:
        yield connected(root, sources, {"SALESFORCE_INSTANCE_URL": url} | dict(credentials), **more)


def source_shapes(name: str) -> Path:
    """A file of the published source shapes, else the test is skipped."""
    data = Path(os.environ.get("LENS_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = data / "source_shapes" / name
    if not path.is_file():
        pytest.skip(f"the published source shapes are not at {path}; set LENS_TEST_DATA")
    return path
