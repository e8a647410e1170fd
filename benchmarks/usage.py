"""The usage marts on 20 million events over 730 days, what plain SQL takes for the same, and what one more day costs.

    python -m benchmarks.usage [--folder DIR] [--daily 28000] [--once] [--home LENS_HOME]

dbt compiles the project once; the models are then built as dbt builds them, in one process under the settings of
profiles.yml (two models at once, the engine's memory limit). Baselines, in the same run: one daily aggregation over
the raw events, and retention and lifecycle by count(distinct) over the raw events (benchmarks/naive_usage.py), which
answer a part of what the marts hold and must equal it. One more day is an incremental dbt run, on 400 and on 730 days
of the same daily volume. With --home a home that `lens refresh` filled is measured instead (core and marts only).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from assets.transform.identity import remember
from assets.warehouse import write
from benchmarks import naive_usage
from benchmarks.money import DBT, PROJECT, ROOT, Model, child, compile_models, count
from benchmarks.synthetic_usage import LAST, show

TARGETS = {"core": 6.0, "usage_retention": 5.0, "usage_lifecycle": 5.0, "day": 1.25, "rss_gb": 4.0}
SIZES = (730, 400)
CORE = "int_usage__activity_day"
FIRST = ("active_usage", "adoption")
NAIVE = {
    # mart → (query, what of the mart it answers, measures that must be equal)
    "usage_retention": (naive_usage.retention, "cohort_start, period_number, mode", ("retained",)),
    "usage_lifecycle": (naive_usage.lifecycle, "period_start", ("active", '"new"', '"returning"', "resurrected")),
}
USAGE_PATHS = ("staging/amplitude/", "intermediate/usage/", "marts/usage/")


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float


def usage_models(folder: Path, warehouse: Path) -> list[Model]:
    """The models of usage. What they stand on, company and money, is built: benchmarks/money.py measures that."""
    with duckdb.connect(str(warehouse)) as con:
        for schema in ("staging", "intermediate", "marts", "audit", "quality"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    models = compile_models(folder, ("+path:models/marts/usage",), warehouse)
    paths = {
        node["name"]: node["path"]
        for node in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    }
    own = [model for model in models if paths[model.name].startswith(USAGE_PATHS)]
    child(warehouse, [model for model in models if model not in own])
    return own


def ancestors(models: list[Model], names: tuple[str, ...]) -> set[str]:
    """These models, and all of the others that they need."""
    parents, found, waiting = {model.name: model.parents for model in models}, set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name in parents and name not in found:
            found.add(name)
            waiting += parents[name]
    return found


def build(warehouse: Path, models: list[Model], least: float) -> dict[str, dict[str, Any]]:
    """Build step by step: core with active_usage and adoption, each mart with a baseline of its own, the rest."""
    left, costs = list(models), dict[str, dict[str, Any]]()
    print(f"{'':<38} {'wall s':>7} {'CPU s':>7} {'GB':>5} {'rows':>11}")
    for step, wanted in {"core": FIRST, **{mart: (mart,) for mart in NAIVE}, "rest": ()}.items():
        names = ancestors(left, wanted) if wanted else {model.name for model in left}
        if not names:
            continue
        now = [model for model in left if model.name in names]
        left = [model for model in left if model.name not in names]
        costs[step] = child(warehouse, now)
        relations = {model.name: model.relation for model in now}
        for name, seconds in sorted(costs[step]["seconds"].items(), key=lambda cost: -cost[1]):
            if seconds >= least:
                print(f"  {name:<36} {seconds:7.1f} {'':>13} {count(warehouse, relations[name]):>11,}")
        told = ", ".join(wanted) if len(wanted) < 2 else "core, " + ", ".join(wanted)
        _line(told or f"the other {len(now)} models", costs[step])
    return costs


def _line(name: str, cost: dict[str, Any]) -> None:
    print(f"{name:<38} {cost['wall']:7.1f} {cost['cpu']:7.1f} {cost['rss_gb']:5.2f}", flush=True)


def baseline(warehouse: Path) -> dict[str, Any]:
    """The daily aggregation; its events must be those of the core, but for whom and what counts nowhere."""
    cost = child(warehouse, [Model("daily", "quality.naive_daily", "TABLE", naive_usage.DAILY)])
    _line("baseline: daily usage", cost)
    return cost


def check_core(warehouse: Path, is_made: bool) -> None:
    """Events by date: all of the baseline's in staging's table; in the made-up company also all of the core's."""
    off = """
        SELECT local_date FROM (SELECT local_date, sum(events) AS events FROM {} GROUP BY ALL) AS ours
        FULL JOIN (SELECT local_date, sum(events) AS events FROM {} GROUP BY ALL) AS naive USING (local_date)
        WHERE ours.events IS DISTINCT FROM naive.events"""
    pairs = [("intermediate.int_usage__event_day", "quality.naive_daily")]
    if is_made:
        counted = "(SELECT * FROM intermediate.int_usage__activity_day WHERE feature_key = '')"
        pairs.append((counted, f"({naive_usage.COUNTED})"))
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for ours, naive in pairs:
            if con.execute(off.format(ours, naive)).fetchall():
                sys.exit(f"{ours} does not hold the events of the baseline")


def naive_parts(warehouse: Path, mart: str, grain: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Plain SQL over the raw events for a part of a mart, and whether the mart says the same."""
    query, keys, measures = NAIVE[mart]
    cost = child(warehouse, [Model("naive", f"quality.naive_{mart}", "TABLE", query(grain, scopes))])
    key = f"{keys}, dimension, segment, scope, scope_key"
    listed = ", ".join(f"'{scope}'" for scope in scopes)
    off = f"""
        WITH ours AS (
            SELECT {key}, {", ".join(measures)} FROM marts.{mart}
            WHERE period_grain = '{grain}' AND unit = 'user' AND dimension IN ('all', 'size') AND scope IN ({listed})
        ),
        naive AS (SELECT {key}, {", ".join(measures)} FROM quality.naive_{mart})
        (SELECT 'ours', * FROM (FROM ours WHERE {measures[0]} > 0 EXCEPT FROM naive))
        UNION ALL (SELECT 'naive', * FROM (FROM naive EXCEPT FROM ours))"""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        wrong = con.execute(off).fetchall()
        cells = con.execute(f"SELECT count(*) FROM quality.naive_{mart}").fetchone()
    if wrong or not cells or not cells[0]:
        sys.exit(f"{mart} differs from plain SQL over the raw events in {len(wrong)} rows: {wrong[:4]}")
    _line(f"naive {mart}, {grain}, {'+'.join(scopes)}", cost)
    return {**cost, "cells": cells[0]}


def marts_are_small(warehouse: Path, models: list[Model]) -> bool:
    """Print the rows of every mart; none may be larger than the core."""
    core = count(warehouse, f"intermediate.{CORE}")
    rows = {model.name: count(warehouse, model.relation) for model in models if '"marts"' in model.relation}
    for name, found in sorted(rows.items(), key=lambda row: -row[1]):
        print(f"  {name:<36} {found:>12,} rows{'' if found <= core else '  LARGER THAN THE CORE'}")
    print(f"  {CORE:<36} {core:>12,} rows")
    return max(rows.values()) <= core


def dbt(command: str, warehouse: Path, folder: Path, models: list[Model]) -> Cost:
    """One dbt process over these models."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [DBT, command, "--quiet", "--indirect-selection", "empty", "--select",
         *(model.name for model in models), "--project-dir", PROJECT, "--profiles-dir", PROJECT,
         "--target-path", folder, "--log-path", folder / "logs"],
        cwd=ROOT, env=os.environ | {"LENS_WAREHOUSE": str(warehouse)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"dbt {command} failed: {done.stdout}{done.stderr}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def models_of(folder: Path, least: float) -> float:
    """Wall seconds from the first model of the last run to the last, printing the dear ones."""
    results = json.loads((folder / "run_results.json").read_text(encoding="utf-8"))["results"]
    spans = [step for result in results for step in result["timing"] if step["name"] == "execute"]
    for result in sorted(results, key=lambda result: -result["execution_time"])[:12]:
        if result["execution_time"] >= least:
            print(f"  {result['unique_id'].split('.')[-1]:<36} {result['execution_time']:7.2f}")
    times = [datetime.fromisoformat(step[end].rstrip("Z")) for step in spans for end in ("started_at", "completed_at")]
    return (max(times) - min(times)).total_seconds()


def one_more_day(warehouse: Path, folder: Path, models: list[Model], days: int, rounds: int) -> Cost:
    """The models' cost of the day after, planned as a refresh plans it. Building the same plan again does the same
    work again, so the rounds are of one warehouse. CPU is without that of dbt's start and compilation."""
    later = warehouse.parent / "later" / warehouse.name  # views name the file they are in
    later.parent.mkdir(exist_ok=True)
    shutil.copyfile(warehouse, later)
    lake, start = warehouse.with_suffix(".lake"), LAST - timedelta(days=days - 1)
    dbt("compile", later, folder, models)  # parses the project anew for this warehouse
    walls, cpus = [], []
    for number in range(rounds):
        with write(later) as con:
            if not number:
                remember(con, True)
            show(con, lake, start, tomorrow=True)
        idle = dbt("compile", later, folder, models)
        cost = dbt("run", later, folder, models)
        print(f"one more day on {days} days, round {number + 1}:", flush=True)
        walls.append(models_of(folder, 0.5 if number else 0.3))
        cpus.append(cost.cpu - idle.cpu)
    with duckdb.connect(str(later), read_only=True) as con:
        ((expected,),) = con.execute("SELECT count(*) FROM raw.amplitude_events").fetchall()
        ((found,),) = con.execute(
            "SELECT sum(events) FROM intermediate.int_usage__event_day WHERE local_date > ?", [LAST]
        ).fetchall()
        ((watermark,),) = con.execute("SELECT max(period_start) FROM marts.active_usage").fetchall()
    later.unlink()
    if found != expected or watermark <= LAST:
        sys.exit(f"{expected:,} events were added, {found:,} are in the core; marts reach to {watermark}")
    cost = Cost(statistics.median(walls), statistics.median(cpus))
    print(f"one more day on {days} days: {cost.wall:.1f} s wall, {cost.cpu:.1f} s CPU", flush=True)
    return cost


def history(folder: Path, days: int, daily: int) -> Path:
    """The warehouse of that many days, its raw tables filled; made only if it is not there."""
    warehouse = folder / f"{days}-{daily}" / "warehouse.duckdb"
    if not warehouse.exists():
        # in a process of its own: those that are measured would inherit this one's peak memory
        made = folder / f"{days}-{daily}"
        made.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.synthetic_usage", str(warehouse), str(days), str(daily)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        if done.returncode:
            warehouse.unlink(missing_ok=True)
            sys.exit("the made-up company could not be made")
    print(f"\n{days} days: {count(warehouse, 'raw.amplitude_events'):,} events", flush=True)
    return warehouse


def copied(home: Path, folder: Path) -> Path:
    """The warehouse of a home after its first refresh, when its view shows every event."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    warehouse = folder / "home" / "warehouse.duckdb"
    shutil.copyfile(home / "warehouse.duckdb", warehouse)
    print(f"\n{home}: {count(warehouse, 'raw.amplitude_events'):,} events", flush=True)
    return warehouse


def measure(warehouse: Path, models: list[Model], asked: argparse.Namespace, is_first: bool) -> dict[str, float]:
    """Build everything once, with baselines if it is the first history; the figures that have a target."""
    costs = build(warehouse, models, asked.least)
    found = {"rss_gb": max(cost["rss_gb"] for cost in costs.values())}
    if not is_first:
        return found
    daily = baseline(warehouse)
    found["core"] = costs["core"]["wall"] / daily["wall"]
    print(f"  core, {' and '.join(FIRST)}: {costs['core']['cpu'] / daily['cpu']:.1f} × its CPU", flush=True)
    check_core(warehouse, is_made=asked.home is None)
    found["small"] = marts_are_small(warehouse, models)
    for mart in NAIVE:
        if mart in costs and asked.home is None:
            grains = {grain: naive_parts(warehouse, mart, grain, tuple(asked.scopes)) for grain in asked.grains}
            found[mart] = sum(part["wall"] for part in grains.values()) / costs[mart]["wall"]
            cells, cpu = (sum(part[figure] for part in grains.values()) for figure in ("cells", "cpu"))
            rows = count(warehouse, f"marts.{mart}")
            print(f"  {cells:,} of {rows:,} rows at {cpu / costs[mart]['cpu']:.1f} × the mart's CPU", flush=True)
    return found


def report(found: dict[str, float]) -> bool:
    """Print the figures against the targets; whether all are met."""
    names = {
        "core": ("core, active_usage and adoption against the daily aggregation", "≤"),
        "usage_retention": ("usage_retention: plain SQL for a part of it against the mart", "≥"),
        "usage_lifecycle": ("usage_lifecycle: plain SQL for a part of it against the mart", "≥"),
        "day": ("one more day: 730 against 400 days of history", "≤"),
        "rss_gb": ("peak RSS, GB", "≤"),
    }
    is_met = bool(found.get("small", True))
    for key, (name, sign) in names.items():
        if key in found:
            is_ok = found[key] <= TARGETS[key] if sign == "≤" else found[key] >= TARGETS[key]
            is_met &= is_ok
            print(f"{name:<62} {found[key]:6.2f}  ({sign} {TARGETS[key]}) {'ok' if is_ok else 'MISSED'}")
    return is_met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, nargs="+", default=SIZES, help="the first is measured in full")
    parser.add_argument("--daily", type=int, default=28_000, help="events a day")
    parser.add_argument("--rounds", type=int, default=3, help="of one more day")
    parser.add_argument("--once", action="store_true", help="leave one more day out")
    parser.add_argument("--grains", nargs="+", default=["month", "week"], help="that plain SQL answers")
    parser.add_argument("--scopes", nargs="+", default=["all", "feature"], help="that plain SQL answers")
    parser.add_argument("--least", type=float, default=0.3, help="seconds from which on a model is listed")
    parser.add_argument("--folder", type=Path, help="keep the warehouses here")
    parser.add_argument("--home", type=Path, help="measure what `lens refresh` landed there, refreshed once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        (folder / "dbt").mkdir(parents=True, exist_ok=True)
        if asked.home:
            warehouse = copied(asked.home, folder)
            models = usage_models(folder / "dbt", warehouse)
            return 0 if report(measure(warehouse, models, asked, is_first=True)) else 1
        found, day = dict[str, float](), dict[int, Cost]()
        for days in asked.days[:1] if asked.once else asked.days:
            warehouse = history(folder, days, asked.daily)
            models = usage_models(folder / "dbt", warehouse)
            figures = measure(warehouse, models, asked, is_first=not found)
            found |= {**figures, "rss_gb": max(figures["rss_gb"], found.get("rss_gb", 0))}
            if not asked.once:
                day[days] = one_more_day(warehouse, folder / "dbt", models, days, asked.rounds)
        if day:
            longest, shortest = day[max(day)], day[min(day)]
            print(f"one more day, wall: {longest.wall / shortest.wall:.2f}, CPU: {longest.cpu / shortest.cpu:.2f}")
            found["day"] = max(longest.wall / shortest.wall, longest.cpu / shortest.cpu)
    return 0 if report(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
