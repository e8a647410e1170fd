"""Amplitude upload hours as Dagster assets: landed by upload day, then shown to dbt as one pruned view."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from assets import keys
from assets.amplitude import asked, drift, ledger, views
from assets.amplitude.export_api import Access, ExportApi, Patience
from assets.amplitude.extraction import ExtractionResult, extract
from assets.amplitude.landing import LandingResult, land, plan
from assets.amplitude.ledger_tables import HourState
from assets.amplitude.mirror import mirror
from assets.company.fingerprint import note_input
from assets.company.load import load_company
from assets.company.model import Company
from assets.home import Home
from assets.progress import Progress
from assets.warehouse import has_table, read, write

_TOUCHED = "CREATE OR REPLACE TABLE raw.amplitude_touched AS SELECT unnest(?::TIMESTAMP[]) AS occurred_hour"
# What the ledger adds to what the release stands for; the company folder's part was written before.
_SEQUENCE = "CREATE OR REPLACE TABLE raw.amplitude_sequence AS SELECT ?::BIGINT AS sequence"


# Gaps that the metadata names; `lens status` names more.
_GAPS_SHOWN = 10
# Gives access to the Export API for as long as it is entered, or None when the company's events lie in a folder.
ApiOf = Callable[[Company], AbstractContextManager[Access | None]]


class LandingConfig(dg.Config):
    """What to do with hours that are in the lake already, and which hours to ask Amplitude for."""

    land_again: bool = Field(
        default=False,
        description="Read the selected upload days again although nothing about their files changed. With events from "
        "the Export API: keep to the selected upload days, and download what is missing of them.",
    )
    ask_again: bool = Field(
        default=False,
        description="With events from the Export API: download the selected upload days again, also loaded hours.",
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
    home: Home, folder: Path, partitions: dg.PartitionsDefinition, progress: Progress, api_of: ApiOf
) -> dg.AssetsDefinition:
    """``lake/amplitude_hours``, partitioned by upload day (UTC). ``api_of``: how to reach the Export API, if at all."""

    @dg.asset(
        key=keys.AMPLITUDE_HOURS,
        deps=[keys.COMPANY],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_PRODUCT],
        kinds={"amplitude", "parquet"},
        pool=keys.POOL_EXPORT,
        description="Amplitude's hourly exports, deduplicated and ledgered, as Parquet by upload day.",
        required_resource_keys={"refresh_lock"},
    )
    def amplitude_hours(context: dg.AssetExecutionContext, config: LandingConfig) -> dg.MaterializeResult:
        company = load_company(folder)
        until, built_sequence = _marks(home)
        fetched = mirror(home, company, progress) if company.events_url else None
        days = None
        if config.land_again and context.has_partition_key_range:
            days = {date.fromisoformat(key) for key in context.partition_keys}
        told: dict[str, Any] = {}
        with api_of(company) as access:
            if access is None:
                result = land(home, company, plan(home, company, until, land_again=days), progress)
            else:
                extracted = _extract(home, company, access, until, progress, days, config.ask_again)
                result, told = extracted.landing, _asked_counts(extracted)
                if extracted.problem:
                    context.log.warning(f"not everything could be downloaded: {extracted.problem}")
        with write(home.warehouse) as con:
            views.write_ledger(con, home, until)
            drift.write_facts(con, home)
            touched = sorted(ledger.pending_hours(home, built_sequence))
            con.execute(_TOUCHED, [touched])
            con.execute(_SEQUENCE, [ledger.sequence(home)])
            note_input(con, "export", asked.ledger_token(home, company))
        if context.has_partition_key_range:
            _describe_days(context, result)
        watermark = ledger.usage_watermark(home, company)
        if fetched:
            told |= {"objects_fetched": fetched.objects, "bytes_fetched": fetched.bytes}
            told |= {"hours_awaiting_marker": len(fetched.awaited)}
        return dg.MaterializeResult(
            metadata={**_counts(result), **told, **_gaps(home, until), "usage_watermark": str(watermark)}
        )

    return amplitude_hours


def _extract(
    home: Home, company: Company, access: Access, until: date | None, progress: Progress, days: set[date] | None,
    again: bool,
) -> ExtractionResult:  # fmt: skip
    patience = Patience(budget_seconds=company.events.retry_minutes * 60)
    with ExportApi(access, patience) as api:
        return extract(home, company, api, access.now, until, progress, days, again=again and days is not None)


def _asked_counts(result: ExtractionResult) -> dict[str, Any]:
    counts = {
        "archives_downloaded": result.archives,
        "bytes_downloaded": result.bytes,
        "hours_fetched": result.fetched,
        "hours_empty": result.empty,
        "hours_failed": result.failed,
        "hours_not_asked_for": result.waiting,
    }
    return counts | ({"download_problem": result.problem} if result.problem else {})


def _gaps(home: Home, until: date | None) -> dict[str, Any]:
    """Hours that hold the watermark: how many, and the first ones with their state."""
    with ledger.Ledger.open_read_only(home) as book:
        gaps = [hour for hour in book.hours(until) if hour.state not in ledger.FINAL_STATES]
    return {"gaps": len(gaps), "first_gaps": ", ".join(map(_named, gaps[:_GAPS_SHOWN])) or "none"}


def _named(hour: HourState) -> str:
    return f"{hour.upload_hour:%Y-%m-%d %H}h {hour.state}"


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
