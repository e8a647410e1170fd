"""A tiny build warehouse with marts of three publish groups, and publishing with one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from assets.home import Home
from assets.serving.manifest import Release, ReleaseMeta
from assets.serving.release import publish
from assets.serving.snapshot import TableDoc
from assets.warehouse import write

MARTS = {"money": ("fct_arr_month",), "usage": ("active_usage",), "joint": ("adoption", "dim_launch")}
DOCS = {
    "fct_arr_month": TableDoc(
        "ARR by month's end.",
        {"arr": "Annual recurring revenue", "gone": "no such column"},
        ("month_start", "account_id"),
    )
}


@dataclass(frozen=True)
class Judged:
    """The least a verdict must have."""

    name: str
    group: str
    status: str = "fail"
    severity: str = "block"
    suite: str = "tie_out"
    asset: tuple[str, ...] = ("marts", "tie_out")
    message: str = "2 of 12 months do not roll forward; compare the movements of those months"


GOOD = tuple(Judged("judged", group, status="pass") for group in MARTS)


def fill(home: Home, step: int = 0) -> None:
    """Builds the marts; a larger ``step`` changes every one of them."""
    with write(home.warehouse) as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS marts")
        con.execute(
            "CREATE OR REPLACE TABLE marts.fct_arr_month AS SELECT DATE '2025-01-01' + (i % 3)::INT AS month_start, "
            "'a' || i AS account_id, (100 + i + ?)::DECIMAL(18,2) AS arr, if(i = 3, NULL, 'EUR') AS currency "
            "FROM range(20) t(i) ORDER BY hash(i)",
            [step],
        )
        con.execute(
            "CREATE OR REPLACE TABLE marts.active_usage AS SELECT DATE '2025-01-01' + i::INT AS period_start, "
            "(i + ?)::BIGINT AS active, (i / 7)::DOUBLE AS stickiness, i % 2 = 0 AS is_total, "
            "TIMESTAMP '2025-01-01 00:00:00' + to_seconds(i * 3601) AS loaded_at FROM range(30) t(i)",
            [step],
        )
        con.execute(
            "CREATE OR REPLACE TABLE marts.adoption AS SELECT 'all' AS segment, ? / 10 AS adoption_rate", [step]
        )
        con.execute(
            "CREATE OR REPLACE TABLE marts.dim_launch AS SELECT 'l1' AS launch_id, ['small', 'a,b', NULL] AS segments, "
            "TIMESTAMP '2025-01-01 10:00:00.5' AS announced_at"
        )


def meta(step: int = 0) -> ReleaseMeta:
    as_of = {"money": date(2025, 3, 31), "usage": date(2025, 3, 30), "joint": date(2025, 3, 30)}
    return ReleaseMeta(
        as_of={group: day + timedelta(days=step) for group, day in as_of.items()},
        run_id=f"run-{step}",
        fingerprint=f"inputs-{step}",
        contract_version="1",
        company="Acme",
        created_at=datetime(2025, 4, 1, 6, tzinfo=UTC) + timedelta(days=step),
    )


def publish_step(home: Home, step: int, *verdicts: Judged) -> Release:
    fill(home, step)
    return publish(home, MARTS, [*GOOD, *verdicts], meta(step), DOCS)


def published(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query against a published database file, opened as a BI tool would."""
    con = duckdb.connect(str(path), read_only=True)
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()
