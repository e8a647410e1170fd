"""`lens doctor`: what would make a refresh fail, found before it does. Each finding comes with its mend."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from assets.amplitude.access import HOSTS
from assets.company.fingerprint import EVENT_FOLDER_FILES
from assets.company.model import Company
from assets.company.secrets import AMPLITUDE_KEYS, find_secrets, is_readable_by_others
from assets.company.user_hash import UserHash
from assets.errors import InputError
from assets.object_store import Store
from pipelines.amplitude import clock
from pipelines.company import checked_company
from pipelines.doctor_finance import look_at_finance
from pipelines.findings import Finding, Level
from pipelines.lock import is_busy
from pipelines.settings import Settings

_MARKS = {"ok": "[green]ok[/]  ", "warn": "[yellow]warn[/]", "bad": "[red]bad[/] "}
# package → (prefix it must have, why)
_PINS = {
    "dagster": ("1.13.", "asset checks and pools as used here"),
    "dagster-dbt": ("0.29.", "goes with dagster 1.13"),
    "dbt-core": ("1.11.", "1.12 downloads while it installs"),
    "dbt-duckdb": ("1.11.", "goes with dbt 1.11"),
    "duckdb": ("1.5.", "writes files that 1.1 to 2.0 can read"),
    "great-expectations": ("1.", "the expectations as used here"),
    "pandas": ("3.", "string columns as used here"),
    "isal": ("1.", "fast inflate; without it zlib is used"),
}
_NEEDED_GB, _ROOMY_GB = 1, 5


def examine(settings: Settings, console: Console) -> int:
    """Print every finding; exit code 0 when nothing is bad, else 2."""
    findings = [finding for look in _looks(settings) for finding in look()]
    for finding in findings:
        console.print(f"{_MARKS[finding.level]} {escape(finding.what)}", soft_wrap=True)
        if finding.mend:
            console.print(f"     mend: {escape(finding.mend)}", soft_wrap=True)
    bad = sum(finding.level == "bad" for finding in findings)
    console.print("nothing stands in the way of a refresh" if not bad else f"{bad} to mend before a refresh")
    return 2 if bad else 0


def _looks(settings: Settings) -> list[Callable[[], Iterator[Finding]]]:
    return [
        _versions,
        lambda: _disk(settings.home.root),
        lambda: _locks(settings),
        lambda: _company(settings),
    ]


def _versions() -> Iterator[Finding]:
    running = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", f"Python {running}")
    for package, (prefix, why) in _PINS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            level: Level = "warn" if package == "isal" else "bad"
            yield Finding(level, f"{package} is not installed ({why})", "make demo installs the locked versions")
            continue
        if version.startswith(prefix):
            yield Finding("ok", f"{package} {version}")
        else:
            yield Finding("bad", f"{package} {version}, not {prefix}x ({why})", "reinstall from requirements.lock")


def _disk(root: Path) -> Iterator[Finding]:
    existing = next(path for path in [root, *root.parents] if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    text = f"{free:,.0f} GB free for {root}"
    if free < _NEEDED_GB:
        yield Finding("bad", text, "free some, or set LENS_HOME to a larger disk")
    elif free < _ROOMY_GB:
        yield Finding("warn", text, "a year of exports needs a few GB")
    else:
        yield Finding("ok", text)


def _locks(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    busy = is_busy(home) if home.root.exists() else None
    if busy:
        yield Finding("warn", busy, "wait for it; a second refresh is refused meanwhile")
    else:
        yield Finding("ok", "no other refresh is running")
    if home.warehouse.with_suffix(".duckdb.wal").exists():
        yield Finding("warn", "the build warehouse has an unfinished write", "the next refresh takes care of it")


def _company(settings: Settings) -> Iterator[Finding]:
    if settings.is_sandbox and not settings.company.exists():
        yield Finding("ok", "no LENS_COMPANY: the sandbox company is used, and made by the first refresh")
        return
    try:
        company = checked_company(settings.company)
    except InputError as error:
        yield Finding("bad", f"{error.what} ({error.where})", error.mend)
        return
    features = len({rule.feature_key for rule in company.features})
    yield Finding("ok", f"company {company.name}: {features} features, lens {', '.join(company.lens_dimensions)}")
    yield from _sources(company)
    yield from _hash_key(company)


def _hash_key(company: Company) -> Iterator[Finding]:
    if company.events.hash_user_ids:
        try:
            UserHash.of(company)
        except InputError as error:
            yield Finding("bad", f"{error.what} ({error.where})", error.mend)
        else:
            yield Finding("ok", "user ids are hashed, and the key is there")


def _sources(company: Company) -> Iterator[Finding]:
    yield from look_at_finance(company)
    if company.events.is_extracted:
        yield from _own_amplitude(company) if company.events.source == "sandbox" else _credentials(company)
        return
    if company.events_url:
        yield _bucket(company.events_url)
        return
    events = company.events_path
    count = sum(1 for _ in events.rglob("*.zip")) + sum(1 for _ in events.rglob("*.json.gz")) if events.exists() else 0
    if count:
        yield Finding("ok", f"{count:,} export files in {events.name}/")
    else:
        yield Finding("bad", f"no export files in {events}", "put Export API zips or hourly .json.gz files there")


def _own_amplitude(company: Company) -> Iterator[Finding]:
    try:
        clock(company)
    except InputError as error:
        yield Finding("bad", f"{error.what} ({error.where})", error.mend)
    else:
        yield Finding("ok", "the sandbox's own Amplitude is beside the company folder")


def _credentials(company: Company) -> Iterator[Finding]:
    """Whether they are there; whether Amplitude takes them is for a refresh to find out: nothing is asked here."""
    missing = [name for name in AMPLITUDE_KEYS if name not in find_secrets(company.folder, AMPLITUDE_KEYS)]
    host = HOSTS[company.events.region].removeprefix("https://")
    if missing:
        yield Finding("bad", f"no {' and no '.join(missing)} for events.source amplitude_api",
                      "write them into .env in the company folder (see .env.example) or the environment")  # fmt: skip
    else:
        yield Finding("ok", f"Amplitude credentials are there; a refresh asks {host}")
    if is_readable_by_others(company.folder):
        yield Finding("warn", f"other users can read {company.folder / '.env'}", "chmod 600 .env")


def _bucket(url: str) -> Finding:
    try:
        count = sum(1 for found in Store(url).objects() if found.key.lower().endswith(EVENT_FOLDER_FILES))
    except InputError as error:
        return Finding("bad", f"{error.what} ({error.where})", error.mend)
    if count:
        return Finding("ok", f"{count:,} export files in {url}")
    return Finding("bad", f"no export files in {url}", "correct events.path: it names the folder in the bucket")
