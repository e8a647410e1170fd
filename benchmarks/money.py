"""The money marts on 50,000 accounts, 200,000 item versions and 60 months, and on twice the history.

    python -m benchmarks.money [--folder DIR] [--months 60] [--least 0.5]

dbt compiles the project once; the models are then built as dbt builds them, in one process under the settings of
profiles.yml (two models at once, the engine's memory limit). A model's seconds are those it took beside another.
Baseline, in the same run: one pass over the raw items that sums the yearly price of what is in service at each month
end. Before any figure counts, that sum must be the one that fct_arr_month holds.
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
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "dbt_project"
DBT = Path(sys.executable).with_name("dbt")
_KINDS = {"view": "VIEW", "table": "TABLE", "incremental": "TABLE"}  # as a full refresh builds them
# the money marts, and what money alone decides of the marts that usage adds rows to
MONEY = ("+config.meta.publish_group:money", "+int_money__retention_cells", "+int_board__money_metrics")
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
FROM items, (
    SELECT unnest(generate_series(min(date_trunc('month', effective_from)), DATE '2026-10-01', INTERVAL 1 MONTH))
        AS month_start FROM raw.subscription_items
)
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
    parents: list[str] = field(default_factory=list)


def compile_models(folder: Path, selected: tuple[str, ...] = MONEY, warehouse: Path | None = None) -> list[Model]:
    """The selected models as a full refresh builds them, in the order they build in."""
    done = subprocess.run(
        [DBT, "compile", "--quiet", "--full-refresh", "--select", *selected, "--exclude", "resource_type:test",
         "resource_type:unit_test", "--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path",
         folder, "--log-path", folder / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(warehouse or folder / "warehouse.duckdb")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"dbt compile failed: {done.stdout}{done.stderr}")
    nodes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model" and node.get("compiled")}
    return [
        Model(
            node["name"], node["relation_name"], _KINDS[node["config"]["materialized"]], node["compiled_code"],
            [models[key]["name"] for key in node["depends_on"]["nodes"] if key in models],
        )
        for node in models.values()
    ]  # fmt: skip


def profile() -> dict[str, Any]:
    """How dbt runs the engine on one machine."""
    profiles = yaml.safe_load((PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    local: dict[str, Any] = profiles["product_lens"]["outputs"]["local"]
    return local


def connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """As dbt opens the warehouse, on two cores."""
    con = duckdb.connect(str(warehouse))
    for name, value in {**profile()["settings"], "threads": 2}.items():
        con.execute(f"SET {name} = '{value}'")
    return con


def timed(warehouse: Path, models: list[Model]) -> dict[str, Any]:
    """Build models in this process, as many at once as dbt does, each after those it reads; opening the file and
    closing it (which writes it out) included."""
    before, start = usage(), time.perf_counter()
    seconds: dict[str, float] = {}
    with connect(warehouse) as con, ThreadPoolExecutor(profile()["threads"]) as threads:
        cursors = [con.cursor() for _ in range(profile()["threads"])]

        def create(model: Model) -> str:
            began, cursor = time.perf_counter(), cursors.pop()
            try:
                cursor.execute(f"CREATE OR REPLACE {model.kind} {model.relation} AS {model.sql}")
            finally:
                cursors.append(cursor)
            seconds[model.name] = time.perf_counter() - began
            return model.name

        by_name, running = {model.name: model for model in models}, set()
        # parents that are not asked for are built already
        waiting = TopologicalSorter({model.name: set(model.parents) & by_name.keys() for model in models})
        waiting.prepare()
        while waiting.is_active():
            running |= {threads.submit(create, by_name[name]) for name in waiting.get_ready()}
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for model in done:
                waiting.done(model.result())
    wall, after = time.perf_counter() - start, usage()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "rss_gb": after.ru_maxrss / 2**20, "seconds": seconds}


def usage() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_SELF)


def child(warehouse: Path, models: list[Model]) -> dict[str, Any]:
    """`timed`, in a process of its own, so that the peak of memory is theirs."""
    command = [sys.executable, "-m", "benchmarks.money", "--task", str(warehouse)]
    asked = json.dumps([asdict(model) for model in models])
    done = subprocess.run(command, cwd=ROOT, input=asked, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"building {', '.join(model.name for model in models)[:200]} failed: {done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def count(warehouse: Path, relation: str) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


_OFF = """
WITH ours AS (
    SELECT month_start, currency, sum(gross_arr_local) AS yearly, count(*) AS row_count
    FROM marts.fct_arr_month GROUP BY ALL
)
SELECT month_start, currency, ours.yearly, baseline.yearly AS expected
FROM ours FULL JOIN quality.baseline AS baseline USING (month_start, currency)
WHERE abs(coalesce(ours.yearly, 0) - coalesce(baseline.yearly, 0)) > 0.005 * coalesce(row_count, 0)
"""


def check(warehouse: Path) -> None:
    """Gross ARR by month and currency must be the baseline's, but for rounding each row to cents."""
    child(warehouse, [Model("off", "quality.off", "TABLE", _OFF)])
    if count(warehouse, "quality.off"):
        sys.exit("fct_arr_month differs from the plain sum over the items: see quality.off in the warehouse")
    if not count(warehouse, "quality.baseline"):
        sys.exit("the made-up company has no money")


def measure(warehouse: Path, models: list[Model], least: float) -> dict[str, Any]:
    """Build every model once, printing those that take at least so many seconds; check the outcome; the totals."""
    with duckdb.connect(str(warehouse)) as con:
        for schema in ("staging", "intermediate", "marts", "audit"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    baseline = child(warehouse, [Model("baseline", "quality.baseline", "TABLE", _BASELINE)])
    built = child(warehouse, models)
    print(f"{'':<38} {'wall s':>7} {'CPU s':>7} {'GB':>5} {'rows':>11}")
    relations = {model.name: model.relation for model in models}
    for name, seconds in sorted(built["seconds"].items(), key=lambda cost: -cost[1]):
        if seconds >= least:
            print(f"{name:<38} {seconds:7.1f} {'':>13} {count(warehouse, relations[name]):>11,}")
    check(warehouse)
    show(f"all {len(models)} models", built)
    show("baseline: one plain sum", baseline)
    return built | {"baseline": baseline["cpu"]}


def show(name: str, cost: dict[str, Any]) -> None:
    print(f"{name:<38} {cost['wall']:7.1f} {cost['cpu']:7.1f} {cost['rss_gb']:5.2f}", flush=True)


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
    parser.add_argument("--least", type=float, default=0.5, help="seconds from which on a model is listed")
    parser.add_argument("--folder", type=Path, help="keep the warehouses here")
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.task:
        print(json.dumps(timed(asked.task, [Model(**model) for model in json.load(sys.stdin)])))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        (folder / "dbt").mkdir(parents=True, exist_ok=True)
        models = compile_models(folder / "dbt")
        totals: list[dict[str, Any]] = [
            measure(history(folder, months, asked.accounts, asked.versions), models, asked.least)
            for months in ([asked.months] if asked.once else [asked.months, 2 * asked.months])
        ]
    return 0 if asked.once or report(*totals) else 1


if __name__ == "__main__":
    raise SystemExit(main())
