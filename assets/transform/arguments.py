"""dbt's command lines, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence


def build_arguments(full_refresh: bool, kept: Sequence[str] = ()) -> list[str]:
    """``dbt build`` for one refresh.

    Unit tests of models are run by the test suite, not against live data. Views read whatever their tables hold, so
    they are made once, by the full refresh that every change of models or settings brings. ``kept``: models that hold
    already what they would be rebuilt to; a test that also reads a rebuilt model still runs.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"]
    if full_refresh:
        return [*arguments, "--full-refresh"]
    # One argument: dagster-dbt reads no further than the first after --exclude.
    return [*arguments, "--exclude", " ".join(["config.materialized:view", *kept])]
