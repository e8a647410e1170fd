"""Three companies that differ in calendar and contract, each built once a session, with their recomputation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support import raw_money
from support.adoption_reference import Adoption
from support.once import made_once
from support.usage_reference import Reference
from support.usage_world import UsageHome, company_tables, events, ledger, merges

NAMES = ("entitled", "subscribed", "live")
WATERMARKS = "intermediate.int_usage__watermarks"
_built: dict[tuple[Path, str], World] = {}


@dataclass(frozen=True)
class World:
    home: UsageHome
    reference: Reference
    adoption: Adoption

    def rows(self, mart: str, key: str, values: str) -> dict[Any, tuple[Any, ...]]:
        """The mart as a mapping of its key to its values."""
        width = len(key.split(","))
        return {row[:width]: row[width:] for row in self.home.query(f"SELECT {key}, {values} FROM marts.{mart}")}


def built(name: str, factory: pytest.TempPathFactory) -> World:
    """The company of this name; every test file and process of a session reads the same build, and none writes it."""
    base = factory.getbasetemp()
    if (base, name) not in _built:
        tables = _tables(name)
        folder = made_once(factory, f"usage_{name}", lambda folder: _build(folder, base / "dbt_usage", tables))
        home = UsageHome(folder / "warehouse.duckdb", base / "dbt_usage")
        ((watermark, joint),) = home.query(f"SELECT usage_watermark, joint_watermark FROM {WATERMARKS}")
        arr = home.query("SELECT month_start, account_id, product_line, arr FROM marts.fct_arr_month")
        reference = Reference(tables, watermark)
        basis = {"entitled": "entitlements", "subscribed": "subscription", "live": "all_live"}[name]
        adoption = Adoption(reference, {(month, a, line): value for month, a, line, value in arr}, joint, basis)
        _built[base, name] = World(home, reference, adoption)
    return _built[base, name]


def _build(folder: Path, target: Path, tables: dict[str, Any]) -> None:
    home = UsageHome(folder / "warehouse.duckdb", target)
    home.fill(tables)
    home.run(full_refresh=True)


def _tables(name: str) -> dict[str, Any]:
    """entitled: New York, weeks from Monday. subscribed: Kolkata, weeks from Sunday, membership second. live: Lord
    Howe, where daylight saving is half an hour, without money."""
    tables = company_tables()
    if name == "entitled":
        tables["finance_state"] = [raw_money.state("minimum", "2024-04-10", has_entitlements=True)]
    if name == "subscribed":
        tables = company_tables(time_zone="Asia/Kolkata", week_starts_on="sunday")
        tables["finance_state"] = [raw_money.state("minimum", "2024-03-31", has_entitlements=False)]
        ways = ("user_property", "user_membership", "event_group")
        tables["account_ways"] = [{"position": n, "way": way} for n, way in enumerate(ways, start=1)]
    if name == "live":
        tables = company_tables(time_zone="Australia/Lord_Howe", adoption_established_days=1)
        tables["finance_state"] = [raw_money.state("none", "2024-12-31", has_entitlements=False)]
        tables["arr_month"], tables["account_ways"] = [], tables["account_ways"][:2]
        tables["identity_map"] = [{"account_id": f"a{n}", "amplitude_value": f"org-{n}"} for n in range(5)]
        tables["accounts"][1] = {**tables["accounts"][1], "created_date": date(2024, 3, 20)}
    told = {"amplitude_merges": merges(*range(len(name) % 8))}
    return {**tables, **told, "amplitude_events": events(seed=len(name)), "amplitude_hours": ledger()}
