"""The plan and the dbt models as Dagster assets."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from threading import Thread

import dagster as dg
from dagster_dbt import DbtProject, dbt_assets

from assets import keys
from assets.home import Home
from assets.progress import Progress
from assets.transform import plan as planner
from assets.transform.arguments import build_arguments
from assets.transform.dbt_cli import dbt_cli
from assets.transform.project import PROJECT_DIR, export_environment, project_hash, run_target, unreached_by_events
from assets.transform.state import begin, commit
from assets.transform.translator import LensTranslator
from assets.warehouse import write


def build_plan_asset(home: Home) -> dg.AssetsDefinition:
    """``raw/rebuild_plan``: which dates this refresh folds in again."""

    @dg.asset(
        key=keys.REBUILD_PLAN,
        deps=[keys.COMPANY, keys.AMPLITUDE_HOURS, keys.FINANCE_DELIVERIES, keys.CLOSES],
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_DATA],
        kinds={"python", "duckdb"},
        pool=keys.POOL_WAREHOUSE,
        description="Which local dates changed since the last successful build, so that a day costs a day.",
        required_resource_keys={"refresh_lock"},
    )
    def rebuild_plan() -> dg.MaterializeResult:
        with write(home.warehouse) as con:
            plan = planner.make_plan(con, project_hash())
            planner.write_plan(con, plan)
        return dg.MaterializeResult(
            metadata={
                "full_refresh": plan.full_refresh,
                "reason": plan.reason or "incremental",
                "dates_with_new_events": len(plan.events),
                "windowed_marts_from": str(plan.marts_from),
                "money_models_kept": plan.keeps_money,
            }
        )

    return rebuild_plan


def build_dbt_assets(
    home: Home, manifest: Path, progress: Progress, meanwhile: Callable[[], None]
) -> dg.AssetsDefinition:
    """Every dbt model as an asset, every dbt data test as an asset check, built by one dbt invocation.

    ``meanwhile`` runs in a thread of its own while this process only waits for dbt.
    """

    project = DbtProject(project_dir=PROJECT_DIR, target_path=home.dbt_target, profiles_dir=PROJECT_DIR)

    @dbt_assets(
        manifest=manifest,
        project=project,
        dagster_dbt_translator=LensTranslator(),
        name="dbt_build",
        exclude="resource_type:unit_test",
        pool=keys.POOL_WAREHOUSE,
        required_resource_keys={"refresh_lock"},
    )
    def dbt_build(context: dg.AssetExecutionContext) -> Iterator[object]:
        export_environment(home)
        with write(home.warehouse) as con:
            full_refresh, keeps_money = planner.read_mode(con)
            begin(con, project_hash())
        kept = unreached_by_events(manifest) if keeps_money and not context.is_subset else []
        total = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
        target = run_target(home, context.run.run_id)
        invocation = dbt_cli(project).cli(build_arguments(full_refresh, kept), context=context, target_path=target)
        yield from _stand_as_they_are(kept, context.selected_asset_keys)  # while dbt starts
        Thread(target=meanwhile, daemon=True).start()
        for done, event in enumerate(invocation.stream(), start=1):
            progress("Building marts", min(done, total), total)
            yield event
        if context.is_subset:
            return  # a partial build proves nothing about the rest: the next refresh plans from the older marks
        with write(home.warehouse) as con:
            commit(con, project_hash(), full_refresh)

    return dbt_build


def _stand_as_they_are(kept: Sequence[str], selected: AbstractSet[dg.AssetKey]) -> Iterator[dg.MaterializeResult]:
    """Outputs of kept models: without one, Dagster would skip what depends on them, the checks and the release."""
    for name in kept:
        for key in (keys.mart(name), keys.audit(name)):
            if key in selected:
                yield dg.MaterializeResult(asset_key=key, metadata={"kept": "nothing it reads changed"})
