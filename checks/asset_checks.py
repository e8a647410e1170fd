"""The suites as Dagster sees them: one asset that judges, and one asset check for each expectation.

The judging is an asset of its own, upstream of the release, because publishing is decided by group: a failed money
check must not keep usage from going out, while Dagster's own ``blocking`` would stop everything downstream.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets import keys
from assets.home import Home
from assets.progress import Progress
from assets.warehouse import read, write
from checks.model import Suite, Verdict
from checks.results import record, recorded
from checks.runner import run
from checks.suites import SUITES

_SEVERITY = {"block": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}


def latest_verdicts(home: Home) -> list[Verdict]:
    """What the checks of the latest run found."""
    with read(home.warehouse) as con:
        return recorded(con)


def build_judging_asset(
    home: Home, marts: Sequence[str], suites: Sequence[Suite], progress: Progress
) -> dg.AssetsDefinition:
    """``audit/check_results``: every suite judged once by Great Expectations, verdicts kept in the warehouse."""
    frames = {tuple(suite.frame.split(".", 1)) for suite in suites}
    upstream = [keys.mart(name) for name in marts] + [keys.dbt_key(schema, name) for schema, name in sorted(frames)]

    @dg.asset(
        key=keys.CHECK_RESULTS,
        deps=list(dict.fromkeys(upstream)),
        group_name=keys.GROUP_CHECKS,
        owners=[keys.TEAM_DATA],
        kinds={"python", "greatexpectations"},
        pool=keys.POOL_WAREHOUSE,
        description="What Great Expectations found: tie-out, conservation, freshness, emptiness, finite ratios.",
        required_resource_keys={"refresh_lock"},
    )
    def check_results() -> dg.MaterializeResult:
        progress("Checking", 0, len(suites))
        verdicts = run(home, suites)
        with write(home.warehouse) as con:
            record(con, verdicts)
        progress("Checking", len(suites), len(suites))
        counts: dict[str, int] = {}
        for verdict in verdicts:
            counts[verdict.status] = counts.get(verdict.status, 0) + 1
        holding = sorted({verdict.group for verdict in verdicts if verdict.blocks})
        return dg.MaterializeResult(metadata={**counts, "groups_held_back": ", ".join(holding) or "none"})

    return check_results


def build_checks(home: Home, suites: Sequence[Suite]) -> dg.AssetChecksDefinition:
    """One asset check for each expectation, on the mart it is about."""
    specs = [
        dg.AssetCheckSpec(
            name=expectation.name,
            asset=dg.AssetKey(list(suite.asset)),
            description=f"{expectation.says} ({suite.description})",
            additional_deps=[keys.CHECK_RESULTS],
            metadata={"holds_back": suite.group if suite.severity == "block" else "nothing", "owner": suite.owner},
        )
        for suite in suites
        for expectation in suite.expectations
    ]

    @dg.multi_asset_check(name="board_metric_checks", specs=specs, required_resource_keys={"refresh_lock"})
    def board_metric_checks() -> Iterator[dg.AssetCheckResult]:
        for verdict in latest_verdicts(home):
            yield as_result(verdict)

    return board_metric_checks


def as_result(verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict in Dagster's words. Only pass and not_configured are passes there too."""
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(list(verdict.asset)),
        check_name=verdict.name,
        passed=verdict.passed,
        severity=_SEVERITY[verdict.severity],
        description=verdict.message,
        metadata={
            "status": verdict.status,
            "observed": dict(verdict.observed),
            "failing_rows": [dict(row) for row in verdict.failing_rows],
        },
    )


__all__ = ["SUITES", "as_result", "build_checks", "build_judging_asset", "latest_verdicts"]
