"""Landing against DuckDB's bare COPY: rows a second, CPU a row, memory, size. Run: python -m benchmarks.ingest

Baseline: ``COPY (SELECT * FROM read_json(<explicit 55 columns>)) TO parquet`` with two threads over the same gzip
members, already unpacked from the zip. Landing: plan and land of the zip into an empty lake, with ledger and both
levels of deduplication. Every run is a process of its own; rounds alternate; the output is checked before any figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assets.amplitude.schema import INTEGERS, KEYS, NESTED, TIMES
from benchmarks.synthetic_export import build

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"speed": 0.85, "cpu": 1.35, "rss_gb": 0.6, "growth": 1.2, "size": 0.65}


def bare_copy(folder: Path, out: Path) -> dict[str, float]:
    """The baseline, in this process."""
    import duckdb

    def kind(key: str) -> str:
        return "BIGINT" if key in INTEGERS else "TIMESTAMP" if key in TIMES else "JSON" if key in NESTED else "VARCHAR"

    columns = ", ".join(f"'{key}': '{kind(key)}'" for key in KEYS)
    con = duckdb.connect(config={"threads": 2})
    start, cpu = time.perf_counter(), time.process_time()
    con.execute(
        f"""COPY (SELECT * FROM read_json('{folder}/loose/*.gz', format = 'newline_delimited',
        columns = {{{columns}}})) TO '{out}/bare.parquet' (FORMAT parquet)"""
    )
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def landing(folder: Path, out: Path) -> dict[str, float]:
    """The product, in this process, into an empty home."""
    from assets.amplitude.landing import land, plan
    from assets.company.model import Company
    from assets.company.registry import FeatureRule
    from assets.home import Home

    rule = FeatureRule(
        rule_no=1, feature_key="reports", feature_name="Reports", feature_set="Core", product_line="Core",
        event_type="Report*", property="feature", property_value="reports",
    )  # fmt: skip
    events = {"source": "export_archive", "path": "events"}
    company = Company(folder=folder, name="Benchmark", reporting_currency="EUR", events=events, features=(rule,))
    home = Home(out / "home")
    start, cpu = time.perf_counter(), time.process_time()
    result = land(home, company, plan(home, company))
    figures = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    files = list(home.amplitude_lake.glob("events/*/*.parquet"))
    return figures | {
        "staged": result.staged,
        "records": result.records,
        "parquet": sum(f.stat().st_size for f in files),
    }


def child(task: str, folder: Path) -> dict[str, float]:
    """Run one task in a fresh process; adds its peak resident memory in GB."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, "-m", "benchmarks.ingest", "--task", task, "--data", str(folder), "--out", out]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def check(folder: Path, rows: int) -> None:
    """The lake must hold what went in, before anything is timed."""
    import duckdb

    with tempfile.TemporaryDirectory(dir=folder) as out:
        result = landing(folder, Path(out))
        assert result["records"] == result["staged"] == rows, result
        lake = f"read_parquet('{out}/home/lake/amplitude/events/*/*.parquet', hive_partitioning = false)"
        truth = f"""read_json('{folder}/loose/*.gz', format = 'newline_delimited',
            columns = {{'uuid': 'UUID', 'event_properties': 'JSON', 'event_time': 'TIMESTAMP'}})"""
        sums = "count(*), sum(hash(uuid, event_properties::VARCHAR, event_time)::HUGEINT)"
        assert (
            duckdb.sql(f"SELECT {sums} FROM {lake}").fetchall() == duckdb.sql(f"SELECT {sums} FROM {truth}").fetchall()
        )


def report(small: Path, large: Path, rows: int, rounds: int) -> bool:
    """Print the figures; whether all targets are met."""
    check(large, rows)
    bare, ours = [], []
    for number in range(rounds):
        bare.append(child("bare", large))
        ours.append(child("landing", large))
        print(f"round {number + 1}: bare {bare[-1]['wall']:.1f} s, landing {ours[-1]['wall']:.1f} s", flush=True)
    middle = {key: statistics.median(run[key] for run in ours) for key in ours[0]}
    base = {key: statistics.median(run[key] for run in bare) for key in bare[0]}
    little = statistics.median(child("landing", small)["rss_gb"] for _ in range(3))
    packed = sum(path.stat().st_size for path in (large / "loose").iterdir())
    found = {
        "speed": base["wall"] / middle["wall"], "cpu": middle["cpu"] / base["cpu"], "rss_gb": middle["rss_gb"],
        "growth": middle["rss_gb"] / little, "size": middle["parquet"] / packed,
    }  # fmt: skip
    print(f"{rows:,} events, {packed / rows:.0f} gz bytes each")
    print(f"bare COPY  {rows / base['wall']:>9,.0f} rows/s  {1e6 * base['cpu'] / rows:.1f} µs CPU a row")
    print(f"landing    {rows / middle['wall']:>9,.0f} rows/s  {1e6 * middle['cpu'] / rows:.1f} µs CPU a row")
    good = {key: found[key] >= TARGETS[key] if key == "speed" else found[key] <= TARGETS[key] for key in TARGETS}
    names = {
        "speed": "rows/s against bare COPY", "cpu": "CPU a row against bare COPY", "rss_gb": "peak RSS, GB",
        "growth": "RSS for 10 × the events", "size": "Parquet bytes / gz bytes",
    }  # fmt: skip
    for key, name in names.items():
        sign = "≥" if key == "speed" else "≤"
        print(f"{name:<28} {found[key]:.2f}  ({sign} {TARGETS[key]}) {'ok' if good[key] else 'MISSED'}")
    return all(good.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=int, default=50)
    parser.add_argument("--rows", type=int, default=25_000, help="events an hour")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder that keeps the generated export between runs")
    parser.add_argument("--task", choices=["bare", "landing"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.task:
        figures = (bare_copy if asked.task == "bare" else landing)(asked.data, asked.out)
        figures["rss_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(figures))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        data = asked.data or Path(scratch)
        sizes = {"small": max(asked.hours // 10, 1), "large": asked.hours}
        for name, hours in sizes.items():
            if not (data / name / "events" / "export.zip").exists():
                build(data / name, hours, asked.rows)
        return 0 if report(data / "small", data / "large", asked.hours * asked.rows, asked.rounds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
