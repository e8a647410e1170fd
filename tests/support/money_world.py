"""The money marts over raw tables written by hand: building them quickly, and short ways to write and read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from assets.warehouse import read, write
from support.once import made_once
from support.raw_money import COMPANY, Row, fill

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MARTS = (
    "+config.meta.publish_group:money",
    "+int_money__retention_cells",
    "+int_board__money_metrics",
    "+dim_account",
    "+audit_fx_missing",
    "+audit_items_unvalued",
    "+audit_restatements",
)
# What money alone decides of marts that usage adds rows to: without usage it is the whole mart.
MONEY_OF = {
    "int_money__retention_cells": "marts.revenue_retention",
    "int_board__money_metrics": "marts.board_metrics",
}
Query = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it."""

    relation: str
    kind: str  # TABLE or VIEW
    sql: str
    name: str
    reads: frozenset[str]  # names of all models it is computed from, directly or not


def _compile(folder: Path) -> None:
    warehouse = folder / "warehouse.duckdb"
    with write(warehouse) as con:
        fill(con, {"company": [COMPANY]})
    done = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "compile", "--quiet", "--select", *MARTS, "--project-dir", PROJECT,
         "--profiles-dir", PROJECT, "--target-path", folder, "--log-path", folder / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(warehouse)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def compile_money(factory: pytest.TempPathFactory) -> list[Model]:
    """The money models in the order they build in, compiled by dbt once: running them again on many small companies
    then takes milliseconds instead of a dbt start each."""
    folder = made_once(factory, "dbt_money", _compile)
    nodes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    compiled = {key: node for key, node in nodes.items() if node["resource_type"] == "model" and node.get("compiled")}
    parents = {key: set(node["depends_on"]["nodes"]) & set(compiled) for key, node in compiled.items()}
    models: dict[str, Model] = {}
    for key in TopologicalSorter(parents).static_order():
        node, above = compiled[key], [models[parent] for parent in parents[key]]
        reads = frozenset(model.name for model in above).union(*(model.reads for model in above))
        kind = node["config"]["materialized"].upper()
        models[key] = Model(node["relation_name"], kind, node["compiled_code"], node["name"], reads)
    return list(models.values())


def run_money(factory: pytest.TempPathFactory, warehouse: Path, only: Collection[str] = ()) -> None:
    """Build the money models, as dbt does, in a warehouse whose raw tables are filled; ``only``: these and what they
    are computed from."""
    base = factory.getbasetemp()
    if base not in _compiled:
        _compiled[base] = compile_money(factory)
    with write(warehouse) as con:
        for schema in ("staging", "intermediate", "marts", "audit"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        con.begin()
        needed = {*only}.union(*(model.reads for model in _compiled[base] if model.name in only))
        for model in _compiled[base]:
            if only and model.name not in needed:
                continue
            con.execute(f"CREATE OR REPLACE {model.kind} {model.relation} AS {model.sql}")
            if model.name in MONEY_OF:
                con.execute(f"CREATE OR REPLACE TABLE {MONEY_OF[model.name]} AS SELECT * FROM {model.relation}")
        con.commit()


def build_money(
    factory: pytest.TempPathFactory, warehouse: Path, tables: Mapping[str, Sequence[Row]], **policy: Any
) -> Query:
    """Write the raw tables (``policy`` overrides company.yaml), build the money models, return a query function."""
    with write(warehouse) as con:
        fill(con, {"company": [{**COMPANY, **policy}], **tables})
    run_money(factory, warehouse)
    return querying(warehouse)


def querying(warehouse: Path) -> Query:
    """A function that runs one query, with parameters, in its own short connection."""

    def query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with read(warehouse) as con:
            return con.execute(sql, list(parameters)).fetchall()

    return query


def contents(query: Query) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every published money table, in a fixed order."""
    tables = query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'")
    published = {f"marts.{name}" for (name,) in tables} - set(MONEY_OF.values())
    relations = [*sorted(published), *(f"intermediate.{name}" for name in MONEY_OF)]
    return {name: query(f"SELECT * FROM {name} ORDER BY ALL") for name in relations}


def item(
    account: str, effective_from: str, amount: str, effective_to: str | None = None, **terms: Any
) -> dict[str, Any]:
    """One terms version: by default an active monthly licence of one unit of product ``core`` in USD."""
    return {
        "item_id": account, "version_no": 1, "subscription_id": f"sub-{account}", "account_id": account,
        "product_id": "core", "status": "active", "effective_from": effective_from, "effective_to": effective_to,
        "currency": "USD", "quantity": "1", "unit_amount": amount, "interval": "month", "interval_count": 1,
        "pricing_model": "licensed", **terms,
    }  # fmt: skip


def by_month(query: Query, column: str, account: str) -> dict[str, Decimal]:
    """A measure of one account by month (``YYYY-MM``), months at zero left out."""
    rows = query(
        f"SELECT strftime(month_start, '%Y-%m') AS m, sum({column}) AS v FROM marts.fct_arr_month "
        "WHERE account_id = ? GROUP BY 1 HAVING v <> 0 ORDER BY 1",
        account,
    )
    return dict(rows)


_built: dict[tuple[Path, str], Query] = {}
_compiled: dict[Path, list[Model]] = {}


def world(factory: pytest.TempPathFactory, name: str, tables: Mapping[str, Sequence[Row]], **policy: Any) -> Query:
    """The money marts over these tables, built once a test session under ``name``."""
    base = factory.getbasetemp()
    if (base, name) not in _built:
        warehouse = factory.mktemp(name) / "warehouse.duckdb"
        _built[base, name] = build_money(factory, warehouse, tables, **policy)
    return _built[base, name]
