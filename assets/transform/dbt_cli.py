"""dagster-dbt's command-line resource without the seven seconds that it spends before dbt starts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, cast

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from assets.transform.project import DBT, PROJECT_DIR

if TYPE_CHECKING:
    from dbt.adapters.base.impl import BaseAdapter


class QuickDbtCliResource(DbtCliResource):
    """Asks the installed package for dbt's version instead of a subprocess, and opens no adapter in this process.

    The adapter would only serve ``fetch_row_counts`` and its like, which keep a DuckDB connection open and so lock the
    next step out of the warehouse.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(installed_version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> BaseAdapter:
        # dagster-dbt takes a missing adapter as it is, its annotation notwithstanding.
        return cast("BaseAdapter", None)


def dbt_cli(project: DbtProject) -> DbtCliResource:
    """The resource for our project."""
    return QuickDbtCliResource(
        project_dir=project,  # type: ignore[arg-type]  # a validator takes the project itself
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=DBT,
    )
