"""Closed months as a Dagster asset."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from assets import keys
from assets.board.close_raw import load_closes
from assets.board.close_records import in_force, token
from assets.board.restatement_log import remember
from assets.company.fingerprint import note_input
from assets.home import Home
from assets.warehouse import write


def build_closes_asset(
    home: Home, definition_hash: Callable[[], str], released: Callable[[], Path | None]
) -> dg.AssetsDefinition:
    """``lake/closes``: the closed months as dbt reads them. ``definition_hash`` identifies the models; ``released`` is
    the database that readers see, if any."""

    @dg.asset(
        key=keys.CLOSES,
        deps=[keys.AMPLITUDE_HOURS, keys.FINANCE_DELIVERIES],
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_FINANCE],
        kinds={"parquet"},
        pool=keys.POOL_WAREHOUSE,
        description="Months that were closed, with the figures they were closed with, verified and never overwritten.",
        required_resource_keys={"refresh_lock"},
    )
    def closes(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        database = released()
        if database is not None:
            remember(home, database)  # the run that published it was killed before it could
        with write(home.warehouse) as con:
            found = load_closes(con, home, context.run.run_id, definition_hash())
            note_input(con, "closes", token(found))
        return dg.MaterializeResult(metadata={"closed": ", ".join(in_force(found)) or "none", "records": len(found)})

    return closes
