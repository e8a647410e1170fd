"""The company folder as a Dagster asset."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

import dagster as dg
import duckdb
from pydantic import Field

from assets import keys
from assets.company.fingerprint import company_fingerprint, note_input
from assets.company.load import load_company
from assets.company.model import Company
from assets.company.raw import write_raw
from assets.errors import InputError
from assets.home import Home
from assets.warehouse import write


class RefreshConfig(dg.Config):
    """What one refresh is asked to do."""

    until: str | None = Field(
        default=None,
        description="Last local day to take in, YYYY-MM-DD, inclusive; also the date the finance data speaks for. "
        "Empty: everything there is.",
    )

    def until_date(self) -> date | None:
        """``until`` as a date; raises InputError when it is not one."""
        if not self.until:
            return None
        try:
            return date.fromisoformat(self.until)
        except ValueError as error:
            raise InputError(
                f"'{self.until}' is not a date", where="until", mend="write it as YYYY-MM-DD, e.g. 2026-10-31"
            ) from error


class BoardChoice(Protocol):
    """What the company's board sees: the hash of all it depends on, and its raw table."""

    @property
    def hash(self) -> str: ...

    def write(self, con: duckdb.DuckDBPyConnection) -> None: ...


def build_company_asset(
    home: Home, folder: Path, prepare: Callable[[], None], choose: Callable[[Company], BoardChoice]
) -> dg.AssetsDefinition:
    """``company/folder``. ``prepare`` makes the bundled sandbox company when that is the one asked for; ``choose``
    holds board.yaml against the registry of metrics."""

    @dg.asset(
        key=keys.COMPANY,
        group_name=keys.GROUP_COMPANY,
        owners=[keys.TEAM_DATA],
        kinds={"yaml", "csv"},
        pool=keys.POOL_WAREHOUSE,
        description="The one folder that says who the company is: settings, feature registry, launches, reviews.",
        required_resource_keys={"refresh_lock"},
    )
    def company_folder(context: dg.AssetExecutionContext, config: RefreshConfig) -> dg.MaterializeResult:
        until = config.until_date()
        prepare()
        company = load_company(folder)
        board = choose(company)
        # Taken before anything is read, so that a file which changes under the run counts as new next time.
        fingerprint = company_fingerprint(folder, company.events_url or company.events_path)
        with write(home.warehouse) as con:
            write_raw(con, company)
            board.write(con)
            con.execute(
                "CREATE OR REPLACE TABLE raw.refresh AS SELECT ? AS run_id, ?::DATE AS until, ? AS settings_hash,"
                " ? AS board_hash",
                [context.run.run_id, until, company.settings_hash, board.hash],
            )
            note_input(con, "company", fingerprint)
        return dg.MaterializeResult(
            metadata={
                "name": company.name,
                "time_zone": company.time_zone,
                "lens_dimensions": ", ".join(company.lens_dimensions),
                "features": len({rule.feature_key for rule in company.features}),
                "launches": len(company.launches),
                "until": str(until or "everything there is"),
            }
        )

    return company_folder
