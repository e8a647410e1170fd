"""What one more day costs: `lens refresh` with nothing new, and with one new day, on 30 and on 365 days of history.

Ratios are medians of interleaved rounds in one run on one machine; the baseline is named beside each. Every refresh's
output is checked before its time counts: the new day's events must be in the published marts, exactly.

    python benchmarks/refresh.py [--rounds 5] [--events 300000] [--daily 5000] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipelines.sandbox.build import build_spec  # noqa: E402
from pipelines.sandbox.extra import extra_day, history_of  # noqa: E402

LAST_DAY = date(2026, 10, 31)


@dataclass
class Cost:
    """Wall and CPU seconds of one `lens refresh`, start of the process included."""

    wall: float
    cpu: float


def lens_refresh(home: Path, company: Path) -> Cost:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LENS_", "DAGSTER_"))}
    env |= {"LENS_HOME": str(home), "LENS_COMPANY": str(company)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "refresh"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"refresh failed: {done.stderr}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def records(home: Path) -> int:
    """Exported records in the published ledger, duplicates included."""
    with duckdb.connect(str(home / "serving" / "current" / "product_lens.duckdb"), read_only=True) as con:
        row = con.execute("SELECT sum(records) FROM marts.extraction_hours").fetchone()
    return int(row[0]) if row else 0


def history(folder: Path, days: int, daily: int) -> tuple[Path, Path]:
    """A company with that many days of events, refreshed once; made only if it is not there."""
    company, home = folder / f"{days}" / "sandbox" / "company", folder / f"{days}" / "home"
    if not (home / "serving" / "current").exists():
        print(f"making {days} days of history ...", flush=True)
        build_spec(company.parent, history_of(days, daily), 7)
        cost = lens_refresh(home, company)
        print(f"  first refresh: {cost.wall:.0f} s, {records(home):,} events", flush=True)
    return company, home


def one_more_day(folder: Path, days: int, daily: int, events: int, number: int) -> Cost:
    """Refresh the history's home with one more day of exports; exports and home are as before afterwards.

    The home stays in its place: dbt parses the project again for a warehouse in another.
    """
    company, home = history(folder, days, daily)
    before = records(home)
    exports = extra_day(company, LAST_DAY + timedelta(days=1), events, seed=number)
    kept = home.with_name("kept")
    shutil.copytree(home, kept, symlinks=True)
    try:
        cost = lens_refresh(home, company)
        found = records(home) - before
    finally:
        exports.unlink()
        shutil.rmtree(home)
        kept.rename(home)
    if found != events:
        sys.exit(f"{events:,} events were added, {found:,} are published")
    return cost


def report(name: str, costs: list[Cost]) -> float:
    wall = statistics.median(cost.wall for cost in costs)
    cpu = statistics.median(cost.cpu for cost in costs)
    spread = f"{min(c.wall for c in costs):.1f} to {max(c.wall for c in costs):.1f}"
    print(f"{name:<44} {wall:6.1f} s wall ({spread}), {cpu:6.1f} s CPU")
    return wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=300_000, help="events of the big new day")
    parser.add_argument(
        "--daily", type=int, default=5_000, help="events a day of the history, and of the small new day"
    )
    parser.add_argument("--folder", type=Path, help="keep the histories here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        costs: dict[str, list[Cost]] = {"nothing": [], "day30": [], "day365": [], "big365": []}
        for number in range(options.rounds):
            company, home = history(folder, 365, options.daily)
            costs["nothing"].append(lens_refresh(home, company))
            costs["day30"].append(one_more_day(folder, 30, options.daily, options.daily, number))
            costs["day365"].append(one_more_day(folder, 365, options.daily, options.daily, number))
            costs["big365"].append(one_more_day(folder, 365, options.daily, options.events, number))
        print(f"\nmedians of {options.rounds} interleaved rounds, {options.daily:,} events a day")
        report("nothing new (target: 8 s)", costs["nothing"])
        thirty = report("one more day on 30 days (baseline)", costs["day30"])
        year = report("one more day on 365 days", costs["day365"])
        report(f"one more day of {options.events:,} on 365 (target: 20 s)", costs["big365"])
        print(f"one more day on 365 days / on 30 days: {year / thirty:.2f} (target: 1.25)")


if __name__ == "__main__":
    main()
