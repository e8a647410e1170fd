"""Finance deliveries as a Dagster asset."""

from pathlib import Path

import dagster as dg

from assets import keys
from assets.company.fingerprint import note_input
from assets.company.load import load_company
from assets.finance.connectors.deliver import groups, tables_of, token
from assets.finance.landing import land
from assets.finance.raw import load_raw
from assets.home import Home
from assets.warehouse import read, write


def build_finance_asset(home: Home, folder: Path) -> dg.AssetsDefinition:
    """``lake/finance_deliveries``: the finance contract, validated, kept append-only, replayed into raw tables."""

    @dg.asset(
        key=keys.FINANCE_DELIVERIES,
        deps=[keys.COMPANY],
        group_name=keys.GROUP_LAKE,
        owners=[keys.TEAM_FINANCE],
        kinds={"csv", "parquet"},
        pool=keys.POOL_WAREHOUSE,
        description="What finance handed over, delivery by delivery: accounts, subscriptions, segments, rates, totals.",
        required_resource_keys={"refresh_lock"},
    )
    def finance_deliveries() -> dg.MaterializeResult:
        company = load_company(folder)
        with read(home.warehouse) as con:
            row = con.execute("SELECT until FROM raw.refresh").fetchone()
        until = row[0] if row else None
        delivery = land(home, company, until=until)
        with write(home.warehouse) as con:
            summary = load_raw(con, home, company, until)
            note_input(con, "finance", token(home, company))
        return dg.MaterializeResult(
            metadata={
                "delivery": delivery.number,
                "content": delivery.content_hash[:12],
                "mode": summary.mode,
                "as_of": str(summary.as_of),
                "rows": {name: count for name, count in summary.rows.items() if count},
                "quarantined": dict(summary.quarantined),
                "asked": {group.name: list(tables_of(group)) for group in groups(company)},
                "dagster/row_count": sum(summary.rows.values()),
            }
        )

    return finance_deliveries
