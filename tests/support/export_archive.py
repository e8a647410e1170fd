"""Small Amplitude exports for tests: events with all 55 keys, hourly gzip members, zips, and a company to land them."""

from __future__ import annotations

import gzip
import json
import uuid
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from assets.amplitude import views
from assets.amplitude.landing import LandingResult, land, plan
from assets.amplitude.ledger import Ledger
from assets.amplitude.schema import KEYS
from assets.company.model import Company
from assets.company.registry import FeatureRule
from assets.home import Home
from assets.warehouse import write

DAY = datetime(2025, 3, 3)
PROJECT = 187654


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def event(hour: datetime = DAY, number: int = 0, **changes: Any) -> dict[str, Any]:
    """One event uploaded in that hour; distinct by ``number``; ``insert_id=…`` stands for ``$insert_id=…``."""
    sent = hour + timedelta(seconds=number % 3600)
    values: dict[str, Any] = dict.fromkeys(KEYS) | {
        "$insert_id": f"insert-{hour:%m%d%H}-{number}", "amplitude_id": 7_000_000_000 + number, "app": PROJECT,
        "client_event_time": stamp(sent), "client_upload_time": stamp(sent), "country": "Germany",
        "data": {"path": "/2/httpapi"}, "device_id": f"device-{number % 5}", "event_id": number,
        "event_properties": {"feature": "reports", "n": number}, "event_time": stamp(sent),
        "event_type": "Report Opened",
        "group_properties": {}, "groups": {"account": [f"acct-{number % 3}"]}, "ip_address": "203.0.113.77",
        "city": "Bremen", "region": "Hansestadt", "dma": "D-9", "location_lat": 53.07, "location_lng": 8.8, "plan": {},
        "platform": "Web", "processed_time": stamp(sent), "server_received_time": stamp(sent),
        "server_upload_time": stamp(sent), "session_id": 1740960000000, "user_id": f"user-{number % 4}",
        "user_properties": {"role": "admin"}, "uuid": str(uuid.UUID(int=(int(hour.timestamp()) << 40) + number)),
    }  # fmt: skip
    return values | {("$insert_id" if key == "insert_id" else key): value for key, value in changes.items()}


def sent_at(moment: datetime) -> dict[str, str]:
    """Changes that make an event happen, and arrive, at one moment."""
    return dict.fromkeys(("event_time", "server_received_time", "server_upload_time"), stamp(moment))


def lines(events: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


def name(hour: datetime, part: int = 0, project: int = PROJECT) -> str:
    return f"{project}_{hour:%Y-%m-%d}_{hour.hour}#{part}.json.gz"


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


def write_zip(path: Path, members: dict[str, bytes], folder: str = f"{PROJECT}/") -> Path:
    """A zip of gzip members given as raw JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(folder + member, packed(content))
    return path


def write_loose(folder: Path, member: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / member
    path.write_bytes(packed(content))
    return path


def company(folder: Path, properties: tuple[str, ...] = ("feature",), **events: Any) -> Company:
    """A company whose events lie in ``folder/events``."""
    rules = tuple(
        FeatureRule(
            rule_no=number, feature_key=f"f{number}", feature_name="F", feature_set="S", product_line="P",
            event_type="*", property=name, property_value="x",
        )
        for number, name in enumerate(properties, 1)
    )  # fmt: skip
    (folder / "events").mkdir(parents=True, exist_ok=True)
    settings = {"source": "export_archive", "path": "events"} | events
    return Company(folder=folder, name="T", reporting_currency="EUR", events=settings, features=rules)  # type: ignore[arg-type]


def landed(home: Home, customer: Company, until: date | None = None) -> LandingResult:
    """Plan and land."""
    return land(home, customer, plan(home, customer, until))


def query(home: Home, sql: str, hours: set[datetime] | None = None, until: date | None = None) -> list[tuple[Any, ...]]:
    """Write the raw tables and ask them."""
    with write(home.warehouse) as con:
        views.write_ledger(con, home, until)
        views.write_events_view(con, home, hours, until)
        return con.execute(sql).fetchall()


def lake(home: Home) -> list[tuple[Any, ...]]:
    """Everything in the lake that must be equal between runs: kept events, hours with their counts."""
    events = query(home, "SELECT * FROM raw.amplitude_events ORDER BY uuid, upload_hour")
    with Ledger.open(home) as ledger:
        hours = [
            (h.upload_hour, h.state, h.parts, h.records, h.staged, h.duplicates, h.late_resends, h.quarantined, h.bytes,
             h.sha256)
            for h in ledger.hours()
        ]  # fmt: skip
    return [("events", events), ("hours", hours)]


def files_of(home: Home) -> list[Path]:
    return sorted(home.amplitude_lake.glob("events/*/*.parquet"))


def column_text(path: Path) -> str:
    """All values of a Parquet file as one text, to search for what must not be there."""
    with duckdb.connect() as con:
        return str(con.execute(f"SELECT * FROM read_parquet('{path}')").fetchall())
