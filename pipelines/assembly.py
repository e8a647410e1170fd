"""How the definitions are put together for one company and one LENS_HOME."""

import json
import warnings
from datetime import date

import dagster as dg

from assets.amplitude.archive import hour_start
from assets.amplitude.assets import ApiOf, build_events_asset, build_hours_asset
from assets.amplitude.due import due_windows
from assets.amplitude.ledger import last_landed_day
from assets.amplitude.planning import days_ahead
from assets.board.assets import build_closes_asset
from assets.board.choice import choose
from assets.company.assets import build_company_asset
from assets.company.model import Company
from assets.finance.assets import build_finance_asset
from assets.progress import Progress, silent
from assets.serving.assets import build_release_asset
from assets.serving.docs import marts_by_group
from assets.transform.assets import build_dbt_assets, build_plan_asset
from assets.transform.project import ensure_manifest, project_hash
from checks.asset_checks import SUITES, build_checks, build_judging_asset, latest_verdicts
from checks.runner import warm_up
from pipelines import amplitude
from pipelines.amplitude import export_access
from pipelines.closing import after_release, close_job, not_due, released_database
from pipelines.company import first_upload_day, known_company, prepare_company
from pipelines.dead_runs import mark_holder
from pipelines.erasure import forget_job, has_traces
from pipelines.jobs import refresh_jobs
from pipelines.lock import refresh_lock
from pipelines.news import stands, with_code
from pipelines.schedules import build_close_schedule, build_schedules
from pipelines.sensors import build_failure_sensor
from pipelines.settings import Settings
from pipelines.upkeep import upkeep_jobs

# Single-run backfills and asset checks by group are marked beta; the pins hold them still.
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def build_definitions(settings: Settings, progress: Progress = silent, api_of: ApiOf = export_access) -> dg.Definitions:
    """Everything Dagster knows, for one company and one LENS_HOME. ``api_of``: how the Export API is reached."""
    home, folder = settings.home, settings.company
    manifest = ensure_manifest(home)
    company = known_company(settings)
    partitions = dg.DailyPartitionsDefinition(start_date=str(first_upload_day(settings, company)), end_offset=1)
    marts = marts_by_group(json.loads(manifest.read_text(encoding="utf-8")))
    return dg.Definitions(
        assets=[
            build_company_asset(home, folder, lambda: _prepare(settings, progress), choose),
            build_hours_asset(home, folder, partitions, progress, api_of),
            build_finance_asset(home, folder),
            build_closes_asset(home, project_hash, lambda: released_database(home)),
            build_plan_asset(home),
            build_events_asset(home, folder),
            build_dbt_assets(home, manifest, progress, warm_up),
            build_judging_asset(home, [name for names in marts.values() for name in names], SUITES, progress),
            build_release_asset(home, manifest, marts, latest_verdicts, with_code, has_traces, after_release),
        ],
        asset_checks=[build_checks(home, SUITES)],
        jobs=[*refresh_jobs(), *upkeep_jobs(home), forget_job(settings), close_job(settings)],
        schedules=_schedules(settings, company),
        sensors=[build_failure_sensor(settings.alert_command)] if settings.automation else [],
        resources={"refresh_lock": _lock_resource(settings)},
        executor=dg.in_process_executor,
    )


def _prepare(settings: Settings, progress: Progress) -> None:
    prepare_company(settings, progress)


def _lock_resource(settings: Settings) -> dg.ResourceDefinition:
    @dg.resource(description="Held for the whole run: one refresh at a time in one LENS_HOME.")
    def held_lock(context: dg.InitResourceContext):  # type: ignore[no-untyped-def]  # Dagster reads the generator itself
        with refresh_lock(settings.home):
            if context.instance is not None and context.run is not None:
                mark_holder(context.instance, context.run.run_id)
            yield

    return held_lock


def _schedules(settings: Settings, company: Company | None) -> list[dg.ScheduleDefinition]:
    if not settings.automation or company is None:
        return []
    refreshes = build_schedules(
        company, lambda: pending_days(settings, company), lambda: stands(settings, None, may_ask=False) is not None
    )
    return [*refreshes, build_close_schedule(company, lambda month: not_due(settings.home, month))]


def pending_days(settings: Settings, company: Company, until: date | None = None) -> tuple[date, date]:
    """First and last upload day that a refresh would land; the newest landed day when nothing is pending."""
    days = days_ahead(settings.home, company, until)
    if company.events.is_extracted:
        windows = due_windows(settings.home, company, amplitude.clock(company), until)
        days = sorted({*days, *(hour_start(window.first).date() for window in windows)})
    if days:
        return days[0], days[-1]
    newest = last_landed_day(settings.home) or first_upload_day(settings, company)
    return newest, newest
