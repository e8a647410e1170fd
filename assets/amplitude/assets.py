"""Amplitude upload hours as Dagster assets: landed by upload day, then shown to dbt as one pruned view."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from assets import keys
from assets.amplitude import ledger, views
from assets.amplitude.landing import LandingResult, land, plan
from assets.company.load import load_company
from assets.home import Home
from assets.progress import Progress
from assets.warehouse import has_table, read, write

_TOUCHED = "CREATE OR REPLACE TABLE raw.amplitude_touched AS SELECT unnest(?::TIMESTAMP[]) AS occurred_hour"
_SEQUENCE = "CREATE OR REPLACE TABLE raw.amplitude_sequence AS SELECT ?::BIGINT AS sequence"


class LandingConfig(dg.Config):
    """What to do with hours that are in the lake already."""

    land_again: bool = Field(
        default=False,
        description="Read the selected upload days again although nothing about their files changed.",
    )


def local_day_hours(days: list[date], time_zone: str) -> set[datetime]:
    """UTC hours that local days overlap; 23 to 25 of them a day, or one more where midnight is not on the hour."""
    zone, hours = ZoneInfo(time_zone), set()
    for day in days:
        start = datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
        end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC).replace(tzinfo=None)
        hour = start.replace(minute=0, second=0)
        while hour < end:
            hours.add(hour)
            hour += timedelta(hours=1)
    return hours


def build_hours_asset(
    home: Home, folder: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    """``lake/amplitude_hours``, partitioned by upload day (UTC)."""

    @dg.asset(
        key=keys.AMPLITUDE_HOURS,
        deps=[keys.COMPANY],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_PRODUCT],
        kinds={"amplitude", "parquet"},
        pool=keys.POOL_WAREHOUSE,
        description="Amplitude's hourly exports, deduplicated and ledgered, as Parquet by upload day.",
        required_resource_keys={"refresh_lock"},
    )
    def amplitude_hours(context: dg.AssetExecutionContext, config: LandingConfig) -> dg.MaterializeResult:
        company = load_company(folder)
        until, built_sequence = _marks(home)
        days = None
        if config.land_again and context.has_partition_key_range:
            days = {date.fromisoformat(key) for key in context.partition_keys}
        result = land(home, company, plan(home, company, until, land_again=days), progress)
        with write(home.warehouse) as con:
            views.write_ledger(con, home, until)
            touched = sorted(ledger.pending_hours(home, built_sequence))
            con.execute(_TOUCHED, [touched])
            con.execute(_SEQUENCE, [ledger.sequence(home)])
        if context.has_partition_key_range:
            _describe_days(context, result)
        watermark = ledger.usage_watermark(home, company)
        return dg.MaterializeResult(metadata={**_counts(result), "usage_watermark": str(watermark)})

    return amplitude_hours


def _marks(home: Home) -> tuple[date | None, int]:
    """The refresh's ``until`` and the landing sequence that the marts were last built from (-1: never)."""
    with read(home.warehouse) as con:
        until = con.execute("SELECT until FROM raw.refresh").fetchone()
        built = con.execute("SELECT sequence FROM raw.built").fetchone() if has_table(con, "raw", "built") else None
    return (until[0] if until else None), (built[0] if built else -1)


def _counts(result: LandingResult) -> dict[str, int]:
    return {
        "hours": result.hours,
        "records": result.records,
        "duplicates": result.duplicates,
        "late_resends": result.late_resends,
        "quarantined": result.quarantined,
        "erased": result.erased,
        "dagster/row_count": result.staged,
    }


def _describe_days(context: dg.AssetExecutionContext, result: LandingResult) -> None:
    """Each upload day's own counts on its own partition."""
    for day in context.partition_keys:
        counts = result.by_day.get(date.fromisoformat(day))
        if counts:
            context.add_asset_metadata(_counts(counts), partition_key=day)


def build_events_asset(home: Home, folder: Path) -> dg.AssetsDefinition:
    """``raw/amplitude_events``: the view that dbt's staging reads, over just the files this refresh needs."""

    @dg.asset(
        key=keys.AMPLITUDE_EVENTS,
        deps=[keys.AMPLITUDE_HOURS, keys.REBUILD_PLAN],
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_PRODUCT],
        kinds={"duckdb", "parquet"},
        pool=keys.POOL_WAREHOUSE,
        description="The deduplicated events of the dates that this refresh folds in, read in place from the lake.",
        required_resource_keys={"refresh_lock"},
    )
    def amplitude_events() -> dg.MaterializeResult:
        company = load_company(folder)
        with write(home.warehouse) as con:
            mode = con.execute("SELECT full_refresh FROM raw.rebuild_mode").fetchone()
            until = con.execute("SELECT until FROM raw.refresh").fetchone()
            rows = con.execute("SELECT local_date FROM raw.rebuild_plan WHERE layer = 'events'").fetchall()
            everything = bool(mode and mode[0])
            hours = None if everything else local_day_hours([day for (day,) in rows], company.time_zone)
            files = views.write_events_view(con, home, hours, until[0] if until else None)
        return dg.MaterializeResult(metadata={"files": files, "dates": "all" if everything else len(rows)})

    return amplitude_events
