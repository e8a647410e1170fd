"""The money marts on 50,000 accounts, 200,000 item versions and 60 months, and on twice the history.

    python -m benchmarks.money [--folder DIR] [--months 60] [--top 12]

dbt compiles the project once; every model is then built in a process of its own under the settings of profiles.yml
(two threads, the engine's memory limit), so that seconds and peak memory are the model's own. Baseline, in the same
run: one pass over the raw items that sums the yearly price of what is in service at each month end. Before any figure
counts, that sum must be the one that fct_arr_month holds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "dbt_project"
DBT = Path(sys.executable).with_name("dbt")
TARGETS = {"seconds": 60.0, "rss_gb": 4.0, "growth": 2.2}

# the same question as fct_arr_month.gross_arr_local, without any ruling that the made-up company does not need
_BASELINE = """
WITH replaced AS (
    SELECT replaces_item_id AS item_id, min(effective_from) AS replaced_on FROM raw.subscription_items
    WHERE replaces_item_id IS NOT NULL GROUP BY ALL
),
items AS (
    SELECT currency, effective_from, least(coalesce(effective_to, DATE '9999-12-31'),
        coalesce(replaced_on, DATE '9999-12-31')) AS til,
        CASE pricing_model WHEN 'committed_usage' THEN committed_amount ELSE quantity * unit_amount END::DOUBLE
        * CASE "interval" WHEN 'year' THEN 1 WHEN 'month' THEN 12 WHEN 'week' THEN 52 ELSE 0.5 END / interval_count
        AS yearly
    FROM raw.subscription_items AS items LEFT JOIN replaced USING (item_id)
        JOIN raw.accounts USING (account_id) JOIN raw.products USING (product_id)
    WHERE status IN ('active', 'past_due') AND pricing_model <> 'metered' AND products.is_recurring
        AND products.valid_to IS NULL AND NOT is_internal_test
)
SELECT month_start::DATE AS month_start, currency, sum(yearly) AS yearly
FROM items, (SELECT unnest(generate_series(min(date_trunc('month', effective_from)), DATE '2026-10-01', INTERVAL 1 MONTH))
    AS month_start FROM raw.subscription_items)
WHERE last_day(month_start) >= effective_from AND last_day(month_start) < til
GROUP BY ALL
"""


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it."""

    name: str
    relation: str
    kind: str  # TABLE or VIEW
    sql: str


def compile_models(folder: Path) -> list[Model]:
    """Every published money model and its parents, in the order they build in."""
    done = subprocess.run(
        [DBT, "compile", "--quiet", "--select", "+config.meta.publish_group:money", "--project-dir", PROJECT,
         "--profiles-dir", PROJECT, "--target-path", folder, "--log-path", folder / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(folder / "warehouse.duckdb")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"dbt compile failed: {done.stdout}{done.stderr}")
    nodes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model" and node.get("compiled")}
    order = TopologicalSorter({key: set(node["depends_on"]["nodes"]) & set(models) for key, node in models.items()})
    return [
        Model(node["name"], node["relation_name"], node["config"]["materialized"].upper(), node["compiled_code"])
        for node in (models[key] for key in order.static_order())
    ]


def connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """As dbt opens the warehouse."""
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    local = profile["product_lens"]["outputs"]["local"]
    con = duckdb.connect(str(warehouse))
    for name, value in {**local["settings"], "threads": local["threads"]}.items():
        con.execute(f"SET {name} = '{value}'")
    return con


def timed(warehouse: Path, statement: str) -> dict[str, float]:
    """Run one statement in this process, opening and closing the file included (closing writes it out)."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with connect(warehouse) as con:
        con.execute(statement)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": time.perf_counter() - start,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "rss_gb": after.ru_maxrss / 2**20,
    }


def child(warehouse: Path, statement: str) -> dict[str, float]:
    """`timed`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.money", "--task", str(warehouse)]
    done = subprocess.run(command, cwd=ROOT, input=statement, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{statement[:200]} ... failed: {done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def count(warehouse: Path, relation: str) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def check(warehouse: Path) -> None:
    """Gross ARR by month and currency must be the baseline's, but for rounding each row to cents."""
    child(
        warehouse,
        """CREATE OR REPLACE TABLE quality.off AS
        WITH ours AS (
            SELECT month_start, currency, sum(gross_arr_local) AS yearly, count(*) AS row_count
            FROM marts.fct_arr_month GROUP BY ALL
        )
        SELECT month_start, currency, ours.yearly, baseline.yearly AS expected
        FROM ours FULL JOIN quality.baseline AS baseline USING (month_start, currency)
        WHERE abs(coalesce(ours.yearly, 0) - coalesce(baseline.yearly, 0)) > 0.005 * coalesce(row_count, 0)""",
    )
    if count(warehouse, "quality.off"):
        sys.exit("fct_arr_month differs from the plain sum over the items: see quality.off in the warehouse")
    if not count(warehouse, "quality.baseline"):
        sys.exit("the made-up company has no money")


def measure(warehouse: Path, models: list[Model], top: int) -> dict[str, float]:
    """Build every model once, check the outcome, print the dearest; totals over all models."""
    with duckdb.connect(str(warehouse)) as con:
        for schema in ("staging", "intermediate", "marts", "audit"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    baseline = child(warehouse, f"CREATE OR REPLACE TABLE quality.baseline AS {_BASELINE}")
    costs: list[tuple[Model, dict[str, float]]] = []
    for model in models:
        statement = f"CREATE OR REPLACE {model.kind} {model.relation} AS {model.sql}"
        costs.append((model, child(warehouse, statement)))
    check(warehouse)
    total: dict[str, float] = {key: sum(cost[key] for _, cost in costs) for key in ("wall", "cpu")}
    total |= {"rss_gb": max(cost["rss_gb"] for _, cost in costs), "baseline": baseline["cpu"]}
    print(f"{'':<38} {'wall s':>7} {'CPU s':>7} {'GB':>5} {'rows':>11}")
    for model, cost in sorted(costs, key=lambda pair: -pair[1]["cpu"])[:top]:
        rows = f"{count(warehouse, model.relation):,}" if model.kind == "TABLE" else "view"
        print(f"{model.name:<38} {cost['wall']:7.1f} {cost['cpu']:7.1f} {cost['rss_gb']:5.2f} {rows:>11}")
    print(f"{f'all {len(models)} models':<38} {total['wall']:7.1f} {total['cpu']:7.1f} {total['rss_gb']:5.2f}")
    print(f"{'baseline':<38} {baseline['wall']:7.1f} {baseline['cpu']:7.1f} {baseline['rss_gb']:5.2f}", flush=True)
    return total


def report(once: dict[str, float], twice: dict[str, float]) -> bool:
    """Print the figures against the targets; whether all are met."""
    found = {
        "seconds": once["wall"], "rss_gb": max(once["rss_gb"], twice["rss_gb"]), "growth": twice["cpu"] / once["cpu"],
    }  # fmt: skip
    names = {"seconds": "all money marts, s", "rss_gb": "peak RSS, GB", "growth": "CPU for twice the history"}
    for key, name in names.items():
        print(f"{name:<28} {found[key]:.2f}  (≤ {TARGETS[key]}) {'ok' if found[key] <= TARGETS[key] else 'MISSED'}")
    print(f"{'CPU against the plain sum':<28} {once['cpu'] / once['baseline']:.0f} ×")
    return all(found[key] <= TARGETS[key] for key in TARGETS)


def history(folder: Path, months: int, accounts: int, versions: int) -> Path:
    """The warehouse of a history of that many months, its raw tables filled; made only if it is not there."""
    warehouse = folder / f"{months}-{accounts}-{versions}" / "warehouse.duckdb"
    if not warehouse.exists():
        unfinished = warehouse.with_name("unfinished.duckdb")
        unfinished.unlink(missing_ok=True)
        # in a process of its own: those that are measured would inherit this one's peak memory
        sizes = [str(size) for size in (months, accounts, versions)]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.synthetic_money", str(unfinished), *sizes], cwd=ROOT, check=True
        )
        unfinished.rename(warehouse)
    tables = ("accounts", "subscription_items", "discounts", "invoice_lines")
    counts = [f"{count(warehouse, f'raw.{table}'):,} {table}" for table in tables]
    print(f"\n{months} months: {', '.join(counts)}", flush=True)
    return warehouse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--versions", type=int, default=200_000, help="item versions in 60 months")
    parser.add_argument("--once", action="store_true", help="leave the doubled history out")
    parser.add_argument("--top", type=int, default=15, help="how many models to list")
    parser.add_argument("--folder", type=Path, help="keep the warehouses here")
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.task:
        print(json.dumps(timed(asked.task, sys.stdin.read())))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        (folder / "dbt").mkdir(parents=True, exist_ok=True)
        models = compile_models(folder / "dbt")
        totals: list[dict[str, Any]] = [
            measure(history(folder, months, asked.accounts, asked.versions), models, asked.top)
            for months in ([asked.months] if asked.once else [asked.months, 2 * asked.months])
        ]
    return 0 if asked.once or report(*totals) else 1


if __name__ == "__main__":
    raise SystemExit(main())
