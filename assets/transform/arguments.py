"""dbt's command lines, as pure functions."""

from __future__ import annotations


def build_arguments(full_refresh: bool) -> list[str]:
    """``dbt build`` for one refresh.

    Unit tests of models are run by the test suite, not against live data. Views read whatever their tables hold, so
    they are made once, by the full refresh that every change of models or settings brings.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    return [*arguments, "--full-refresh"] if full_refresh else [*arguments, "--exclude", "config.materialized:view"]
