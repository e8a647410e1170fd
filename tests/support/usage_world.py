"""A small company whose usage has every awkward trait, and a build warehouse that dbt turns it into marts in."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.transform.identity import look_back, remember
from assets.warehouse import read, write
from support import raw_money, raw_usage

Row = Mapping[str, Any]
Tables = dict[str, list[Row]]
PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MARTS = (
    "active_usage", "adoption", "fct_feature_usage_day", "fct_user_activity_day", "unattributed_events",
    "unmapped_events", "extraction_hours", "identity_report", "dim_feature", "dim_launch",
    "usage_retention",
    "account_adoption", "time_to_adopt", "instrumentation",
    "usage_lifecycle", "stickiness_histogram",
    "revenue_retention",
)  # fmt: skip
USAGE = ("staging.amplitude", "intermediate.usage", "marts.usage", "revenue_retention")
START, DAYS = datetime(2024, 2, 5), 76  # daylight saving begins in the middle in New York
RULES = [
    # feature, set, line, event type, property, value: an event may be use of several features, of one twice
    ("report", "insight", "core", "Report Viewed", None, None),
    ("report", "insight", "core", "Report *", None, None),
    ("export", "insight", "core", "Report Exported", None, None),
    ("board", "insight", "plus", "Board ?pened", None, None),
    ("ai_chat", "assist", "plus", "Chat [beta]", "kind", "ai"),
    ("any_chat", "assist", "plus", "Chat [beta]", "kind", None),
    ("percent", "assist", "extra", "100%_done", None, None),
    ("unseen", "assist", "extra", "Never Sent", None, None),
]
EVENT_TYPES = (
    "Report Viewed", "Report Exported", "Board Opened", "Board opened up", "Chat [beta]", "Chat b", "100%_done",
    "100 done", "session_start", "push_sent", "Mystery",
)  # fmt: skip


def company_tables(**overrides: Any) -> Tables:
    """Settings, registry, accounts and money; ``overrides`` replace columns of the company's one row."""
    day = date.fromisoformat
    tables: Tables = {
        "company": [{**raw_money.COMPANY, "time_zone": "America/New_York", **overrides}],
        "lens_dimensions": [{"position": 1, "dimension": "size"}, {"position": 2, "dimension": "region"}],
        "account_ways": list(raw_usage.WAYS),
        "internal_rules": [
            {"kind": kind, "value": value}
            for kind, value in (("email_domain", "own.com"), ("user_id", "u13"), ("account", "a4"))
        ],
        "inactive_event_types": [{"pattern": "session_start"}, {"pattern": "push*"}],
        "feature_rules": [
            {"rule_no": n, "feature_key": key, "feature_name": key, "feature_set": group, "product_line": line,
             "event_type": kind, "property": name, "property_value": value}
            for n, (key, group, line, kind, name, value) in enumerate(RULES)
        ],
        "accounts": [
            *({"account_id": f"a{n}", "account_name": f"A{n}", "is_internal_test": False} for n in range(6)),
            {"account_id": "own", "account_name": "Our own", "is_internal_test": True},
        ],
        "account_segments": [
            {"account_id": account, "dimension": dimension, "value": value, "valid_from": day(start),
             "valid_to": day(end) if end else None}
            for account, dimension, value, start, end in (
                ("a0", "size", "smb", "2020-01-01", "2024-03-12"), ("a0", "size", "big", "2024-03-12", None),
                ("a1", "size", "smb", "2020-01-01", None), ("a2", "size", "big", "2024-02-20", None),
                ("a1", "region", "emea", "2020-01-01", None),
            )
        ],
        "identity_map": [
            *({"account_id": f"a{n}", "amplitude_value": f"org-{n}"} for n in range(2, 6)),
            {"account_id": "own", "amplitude_value": "org-own"},
            {"account_id": "a0", "amplitude_value": "org-0", "valid_to": day("2024-03-20")},
            {"account_id": "a1", "amplitude_value": "org-0", "valid_from": day("2024-03-25")},
            {"account_id": "a1", "amplitude_value": "org-1"},
        ],
        "entitlements": [
            {"account_id": account, "product_line": line, "feature_key": feature, "seats": seats,
             "valid_from": day(start), "valid_to": day(end) if end else None}
            for account, line, feature, seats, start, end in (
                ("a0", "core", None, 10, "2024-01-01", None), ("a0", "core", None, 5, "2024-03-15", None),
                ("a0", None, "ai_chat", 3, "2024-02-01", "2024-03-31"), ("a1", "plus", None, None, "2024-03-10", None),
                ("a2", "plus", None, 4, "2024-02-01", None), ("a2", None, "board", 9, "2024-02-01", None),
            )
        ],
        "arr_month": [
            {"month": date(2024, month, 1), "account_id": f"a{n}", "product_line": line, "currency": "USD",
             "arr": 100 * n + month}
            for month in (2, 3, 4) for n in range(4) for line in ("core", "plus") if (n + month) % 3 or line == "core"
        ],
        "launches": [{"launch_id": "l1", "name": "Chat", "kind": "release", "starts_on": day("2024-03-01")}],
    }  # fmt: skip
    return tables


def events(seed: int, count: int = 420) -> list[Row]:
    """Raw events with every way of naming, or not naming, user and account; devices are shared now and then, and
    before login a device has an Amplitude id of its own."""
    rng, rows = random.Random(seed), []
    for number in range(count):
        user = int(14 * rng.random() ** 1.5)
        moment = START + timedelta(seconds=int(rng.random() * DAYS * 86400))
        home = user % 5
        device = rng.choices([f"d{user}", f"shared-{user % 3}", None], [80, 15, 5])[0]
        is_known = rng.random() < (0.5 if user % 4 == 3 else 0.85)
        own_ids = (1000 + user, 2000 + user, 3000 + user % 3, None)
        (amplitude_id,) = rng.choices(own_ids, [90, 5, 2, 3] if is_known else [3, 3, 2, 2])
        named = (f"org-{home}", f"org-{rng.randrange(5)}", "org-x", "org-own", None)
        (account,) = rng.choices(named, [50, 8, 3, 2, 37])
        rows.append(
            {
                "uuid": str(number), "upload_hour": moment.replace(minute=0, second=0), "occurred_at": moment,
                "is_time_corrected": False, "event_type": rng.choice(EVENT_TYPES),
                "feature_properties": {"kind": rng.choice(["ai", "human"])} if rng.random() < 0.6 else {},
                "user_id": f"u{user}" if is_known else None,
                "amplitude_id": amplitude_id, "device_id": device, "session_id": rng.choice([-1, -1, 7, 8, 9]),
                "account_group": account if user != 9 else None,
                "account_property": f"org-{home}" if user % 3 == 0 and rng.random() < 0.5 else None,
                "internal_property": "true" if user == 11 and rng.random() < 0.2 else None,
                "email_domain": "own.com" if user == 12 and rng.random() < 0.3 else None,
            }
        )  # fmt: skip
    return rows


def merges(*numbers: int) -> list[Row]:
    """Some of the merges that would be told of these events, closed."""
    every = [(2000 + n, 1000 + n) for n in (1, 3, 5, 8)] + [(3000, 1000), (3001, 1004), (1007, 1006)]
    return [{"amplitude_id": away, "survivor": survivor} for away, survivor in (every[n] for n in numbers)]


_PROCESSES = multiprocessing.get_context("forkserver")  # imports dbt once, then forks for every run
_PROCESSES.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb"])


def _dbt(arguments: list[str], warehouse: str) -> None:
    from dbt.cli.main import dbtRunner

    os.environ["LENS_WAREHOUSE"] = warehouse
    raise SystemExit(0 if dbtRunner().invoke(arguments).success else 1)


@dataclass
class UsageHome:
    """A temporary build warehouse, and dbt over it."""

    warehouse: Path
    target: Path

    def fill(self, tables: Mapping[str, Iterable[Row]]) -> None:
        """Replace every raw table."""
        rows = {name: list(table) for name, table in tables.items()}
        with write(self.warehouse) as con:
            raw_money.fill(con, rows)
            raw_usage.create(con, rows)

    def replan(self, tables: Mapping[str, Iterable[Row]], dates: list[date], **starts: date | None) -> None:
        """Replace events, ledger, merges and finance state, and plan the rebuild of these dates."""
        with write(self.warehouse) as con:
            for name in ("amplitude_events", "amplitude_hours", "amplitude_merges", "finance_state"):
                con.execute(f"DELETE FROM raw.{name}")
                raw_usage.insert(con, name, tables.get(name, ()))
            look_back(con, dates)
            raw_usage.plan(con, dates, **starts)

    def run(self, full_refresh: bool, money_moved: bool = True, is_killed: bool = False) -> None:
        """Build the usage marts and what they stand on, money too unless it stayed as it was; a killed build is not
        remembered."""
        selected = [f"+{mart}" for mart in MARTS] if money_moved else USAGE
        self.dbt("run", "--select", *selected, *(["--full-refresh"] if full_refresh else []))
        if not is_killed:
            with write(self.warehouse) as con:
                remember(con, full_refresh)

    def dbt(self, command: str, *arguments: str) -> None:
        """Run one dbt command over the warehouse; it must succeed."""
        places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        places += ["--target-path", str(self.target), "--log-path", str(self.target)]
        # dbt keeps the warehouse open for as long as its process lives, so it gets one of its own
        child = _PROCESSES.Process(target=_dbt, args=([command, "--quiet", *arguments, *places], str(self.warehouse)))
        child.start()
        child.join()
        assert child.exitcode == 0, "dbt failed, see the captured output"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with read(self.warehouse) as con:
            return con.execute(sql).fetchall()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every usage mart, in a fixed order."""
        return {mart: self.query(f"SELECT * FROM marts.{mart} ORDER BY ALL") for mart in MARTS}


def ledger(days: int = DAYS - 4, *, held: datetime | None = None) -> list[Row]:
    """Upload hours of the first ``days`` days, all loaded but the one that is held."""
    rows = raw_usage.hours(START, START + timedelta(days=days, hours=-1))
    return [{**row, "state": "partial"} if row["upload_hour"] == held else row for row in rows]
