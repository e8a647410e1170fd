"""Events shaped and spread like a real Amplitude export, for benchmarks: seeded, one gzip member an hour.

Entropy is kept honest: random uuids, insert ids, IP addresses and microseconds, a few thousand devices with
constant user properties, event properties that mix codes, numbers and free identifiers; gzip at zlib level 6.
"""

from __future__ import annotations

import json
import random
import uuid
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

PROJECT = 187654
START = datetime(2025, 3, 3)  # noqa: DTZ001 - UTC without a zone, as exports write it
DEVICES = 6_000
PLACES = [
    ("Austin", "Texas", "United States", 635),
    ("Leeds", "England", "United Kingdom", None),
    ("Bremen", "Bremen", "Germany", None),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", None),
    ("Denver", "Colorado", "United States", 751),
    ("Osaka", "Osaka", "Japan", None),
]
SYSTEMS = [
    ("Chrome", "131", "Windows", "Windows"),
    ("Safari", "17.6", "Mac OS X", "Apple Macintosh"),
    ("Edge", "130", "Windows", "Windows"),
    ("Chrome", "130", "Linux", "Linux"),
    ("Firefox", "132", "Mac OS X", "Mac"),
]
VERBS = ["Opened", "Created", "Edited", "Shared", "Exported", "Deleted", "Viewed", "Searched"]
NOUNS = ["Report", "Dashboard", "Board", "Invoice", "Contact", "Segment"]
ALWAYS_NULL = [
    "$insert_key",
    "$schema",
    "adid",
    "amplitude_attribution_ids",
    "amplitude_event_type",
    "device_brand",
    "device_carrier",
    "device_manufacturer",
    "device_model",
    "idfa",
    "is_attribution_event",
    "location_lat",
    "location_lng",
    "partner_id",
    "paying",
    "sample_rate",
    "source_id",
    "start_version",
    "user_creation_time",
]


def device(number: int) -> dict[str, object]:
    """The constant part of one device's events: who, where, which browser, user properties."""
    rng = random.Random(number)  # noqa: S311
    city, region, country, dma = rng.choice(PLACES)
    browser, version, _, family = rng.choice(SYSTEMS)
    account = f"acct-{number % 400:04d}"
    return {
        **dict.fromkeys(ALWAYS_NULL), "amplitude_id": rng.randrange(10**11, 10**12), "app": PROJECT, "city": city,
        "country": country, "device_family": family, "device_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "device_type": family, "dma": dma, "global_user_properties": {}, "group_properties": {},
        "groups": {"account": [account]}, "ip_address": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
        "language": "English", "library": "amplitude-ts/2.11.6", "os_name": browser, "os_version": version,
        "plan": {}, "platform": "Web", "region": region, "data_type": "event",
        "user_id": f"user{number}@customer-{number % 400}.example", "version_name": f"4.{rng.randrange(30)}.0",
        "user_properties": {
            "role": rng.choice(["admin", "editor", "viewer"]), "plan": rng.choice(["free", "team", "business"]),
            "seats": rng.randrange(1, 400), "initial_referring_domain": rng.choice(["google.com", "EMPTY", "bing.com"]),
            "initial_utm_source": rng.choice(["EMPTY", "newsletter", "ads"]),
            "signup_cohort": f"2024-{number % 12 + 1:02d}",
            "workspace": str(uuid.UUID(int=rng.getrandbits(128))),
            "experiments": [f"exp-{rng.randrange(20)}" for _ in range(3)],
        },
    }  # fmt: skip


def event(rng: random.Random, fixed: dict[str, object], hour: datetime, number: int) -> dict[str, object]:
    """One event of a device, uploaded within ``hour``; all 55 keys."""
    uploaded = hour + timedelta(microseconds=rng.randrange(3_600_000_000))
    skew = timedelta(microseconds=rng.randrange(40_000, 9_000_000))
    noun = rng.choice(NOUNS)
    stamp = "%Y-%m-%d %H:%M:%S.%f"
    return {
        **fixed, "$insert_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "event_id": number,
        "client_event_time": (uploaded - skew).strftime(stamp),
        "client_upload_time": (uploaded - skew / 3).strftime(stamp),
        "data": {"path": "/2/httpapi", "group_first_event": {}, "vacuum_source_id": str(rng.randrange(10**6))},
        "event_time": (uploaded - skew + timedelta(milliseconds=3)).strftime(stamp),
        "event_type": f"{noun} {rng.choice(VERBS)}",
        "event_properties": {
            "feature": f"{noun.lower()}s", "object_id": f"{rng.getrandbits(48):012x}",
            "duration_ms": rng.randrange(20, 90_000),
            "path": f"/app/{noun.lower()}/{rng.randrange(10**6)}",
            "source": rng.choice(["menu", "shortcut", "link", "search"]),
            "items": rng.randrange(0, 50), "is_first": rng.random() < 0.1, "referrer": "https://app.vendor.example/home",
        },
        "processed_time": (uploaded + timedelta(microseconds=rng.randrange(800_000, 4_000_000))).strftime(stamp),
        "server_received_time": (uploaded - timedelta(microseconds=rng.randrange(900_000))).strftime(stamp),
        "server_upload_time": uploaded.strftime(stamp),
        "session_id": int(hour.timestamp() * 1000) + number % 997,
    }  # fmt: skip


def hour_member(job: tuple[int, int, Path]) -> Path:
    """Write one hour's gzip member beside the archive; returns its path."""
    index, rows, folder = job
    hour, rng = START + timedelta(hours=index), random.Random(index)  # noqa: S311
    devices = [device(n) for n in range(DEVICES)]
    path = folder / f"{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#{index % 7}.json.gz"
    packer = zlib.compressobj(6, wbits=31)
    with path.open("wb") as out:
        for first in range(0, rows, 2_000):
            lines = [
                json.dumps(dict(sorted(event(rng, devices[rng.randrange(DEVICES)], hour, first + n).items())),
                           separators=(",", ":"), ensure_ascii=False) + "\n"
                for n in range(min(2_000, rows - first))
            ]  # fmt: skip
            out.write(packer.compress("".join(lines).encode()))
        out.write(packer.flush())
    return path


def build(folder: Path, hours: int, rows_an_hour: int) -> tuple[Path, list[Path]]:
    """The zip as the Export API gives it, and the same members unpacked: (zip, gz files)."""
    loose = folder / "loose"
    loose.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        members = list(pool.map(hour_member, [(i, rows_an_hour, loose) for i in range(hours)]))
    (folder / "events").mkdir(exist_ok=True)
    archive = folder / "events" / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for path in members:
            out.write(path, f"{PROJECT}/{path.name}")
    return archive, members
