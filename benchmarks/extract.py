"""Download and landing together against landing alone from disk. Run: python -m benchmarks.extract

Baseline: plan and land of the same zips from a folder. Extraction: an Export API on this machine (a process of its own
that sends ready zips) is asked for all of it, into an empty home; archives are verified, recorded and landed while
more come. Every run is a process of its own; rounds alternate; both lakes are compared before any figure.
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
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.synthetic_export import PROJECT, START, hour_member

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"ratio": 0.8, "rss_mb": 600.0}
_BLOCK = 1 << 20


def build_days(folder: Path, hours: int, rows_an_hour: int) -> None:
    """One zip for each upload day, as the Export API answers a window, below ``folder/events``."""
    from concurrent.futures import ProcessPoolExecutor

    loose = folder / "loose"
    loose.mkdir(parents=True, exist_ok=True)
    (folder / "events").mkdir(exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        members = list(pool.map(hour_member, [(i, rows_an_hour, loose) for i in range(hours)]))
    for first in range(0, hours, 24):
        day = START + timedelta(hours=first)
        with zipfile.ZipFile(folder / "events" / f"{day:%Y%m%d}.zip", "w", zipfile.ZIP_STORED) as out:
            for path in members[first : first + 24]:
                out.write(path, f"{PROJECT}/{path.name}")
    for path in members:
        path.unlink()


def serve(folder: Path) -> None:
    """Answer export requests with the day's zip until the process is ended; prints its port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            start = parse_qs(urlsplit(self.path).query)["start"][0]
            path = folder / "events" / f"{start[:8]}.zip"
            self.send_response(200 if path.exists() else 404)
            self.send_header("Content-Length", str(path.stat().st_size if path.exists() else 0))
            self.end_headers()
            if path.exists():
                with path.open("rb") as stream:
                    while block := stream.read(_BLOCK):
                        self.wfile.write(block)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def server_of(folder: Path) -> Iterator[str]:
    """The address of a server process for this folder."""
    command = [sys.executable, "-m", "benchmarks.extract", "--task", "serve", "--data", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def _company(folder: Path, **events: Any) -> Any:
    from assets.company.model import Company
    from assets.company.registry import FeatureRule

    rule = FeatureRule(
        rule_no=1, feature_key="reports", feature_name="Reports", feature_set="Core", product_line="Core",
        event_type="Report*", property="feature", property_value="reports",
    )  # fmt: skip
    return Company(folder=folder, name="Benchmark", reporting_currency="EUR", events=events, features=(rule,))  # type: ignore[arg-type]


def landing(folder: Path, out: Path, _: str, __: int) -> dict[str, float]:
    """The baseline, in this process: land the zips from their folder."""
    from assets.amplitude.landing import land, plan
    from assets.home import Home

    company, home = _company(folder, source="export_archive", path="events"), Home(out / "home")
    start = time.perf_counter()
    result = land(home, company, plan(home, company))
    return {"wall": time.perf_counter() - start, "staged": result.staged}


def extraction(folder: Path, out: Path, url: str, hours: int) -> dict[str, float]:
    """Download and landing, in this process, into an empty home."""
    from pydantic import SecretStr

    from assets.amplitude.access import Access
    from assets.amplitude.export_api import ExportApi
    from assets.amplitude.extraction import extract
    from assets.home import Home

    company = _company(folder, source="amplitude_api", start_date=str(START.date()))
    home, now = Home(out / "home"), START + timedelta(hours=hours + 2)
    start = time.perf_counter()
    with ExportApi(Access(url, SecretStr("key"), SecretStr("secret"), lambda: now)) as api:
        result = extract(home, company, api, lambda: now)
    assert not result.failed and not result.waiting, result
    return {"wall": time.perf_counter() - start, "staged": result.landing.staged}


def child(task: str, folder: Path, url: str, hours: int, out: Path) -> dict[str, float]:
    """Run one task in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.extract", "--task", task, "--data", str(folder), "--out", str(out)]
    done = subprocess.run([*command, "--url", url, "--hours", str(hours)], cwd=ROOT, check=True, capture_output=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def lake_sum(out: Path) -> tuple[Any, ...]:
    """Rows of a lake and a sum that depends on what they hold."""
    import duckdb

    files = f"read_parquet('{out}/home/lake/amplitude/events/*/*.parquet', hive_partitioning = false)"
    row = duckdb.sql(
        f"SELECT count(*), sum(hash(uuid, upload_hour, event_properties)::HUGEINT) FROM {files}"
    ).fetchone()
    assert row is not None
    return row


def report(data: Path, hours: int, rows: int, rounds: int) -> bool:
    """Print the figures; whether all targets are met."""
    size = sum(path.stat().st_size for path in (data / "events").iterdir())
    runs: dict[str, list[dict[str, float]]] = {"landing": [], "extraction": []}
    with server_of(data) as url:
        for number in range(rounds):
            sums = []
            for task, done in runs.items():
                with tempfile.TemporaryDirectory(dir=data) as out:
                    done.append(child(task, data, url, hours, Path(out)))
                    sums.append(lake_sum(Path(out)))
            assert sums[0] == sums[1] and sums[0][0] == hours * rows, sums
            walls = {task: done[-1]["wall"] for task, done in runs.items()}
            print(
                f"round {number + 1}: landing {walls['landing']:.1f} s, extraction {walls['extraction']:.1f} s",
                flush=True,
            )
    middle = {task: statistics.median(run["wall"] for run in done) for task, done in runs.items()}
    ratio = middle["landing"] / middle["extraction"]
    rss = statistics.median(run["rss_mb"] for run in runs["extraction"])
    print(f"{hours * rows:,} events, {size / 2**20:,.0f} MB of zips, one an upload day")
    print(f"extraction against landing   {ratio:.2f}  (≥ {TARGETS['ratio']}) {_verdict(ratio >= TARGETS['ratio'])}")
    print(f"peak RSS, MB                 {rss:.0f}  (≤ {TARGETS['rss_mb']:.0f}) {_verdict(rss <= TARGETS['rss_mb'])}")
    return ratio >= TARGETS["ratio"] and rss <= TARGETS["rss_mb"]


def _verdict(is_good: bool) -> str:
    return "ok" if is_good else "MISSED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=int, default=120)
    parser.add_argument("--rows", type=int, default=25_000, help="events an hour; 120 x 25,000 is about 1 GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder that keeps the generated zips between runs")
    parser.add_argument("--task", choices=["landing", "extraction", "serve"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.task == "serve":
        serve(asked.data)
    if asked.task:
        figures = (landing if asked.task == "landing" else extraction)(asked.data, asked.out, asked.url, asked.hours)
        figures["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps(figures))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        data = asked.data or Path(scratch)
        if not (data / "events").exists():
            build_days(data, asked.hours, asked.rows)
        return 0 if report(data, asked.hours, asked.rows, asked.rounds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
