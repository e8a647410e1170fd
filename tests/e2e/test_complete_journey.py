"""Real purchases of 249 households through the whole line: known figures, a second run, and month by month."""

from __future__ import annotations

import csv
from calendar import monthrange
from decimal import Decimal
from pathlib import Path

import pytest

from support.company_folder import complete_journey
from support.line import hashes, lens, manifest, refresh, released
from support.usage_identities import broken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one refresh of everything."""
    home = tmp_path_factory.mktemp("journey") / "home"
    outcome = refresh(home, complete_journey())
    assert outcome.code == 0, outcome.message
    return home


def test_the_published_marts_hold_the_known_figures(whole: Path) -> None:
    with (complete_journey() / "finance" / "control_totals.csv").open(encoding="utf-8", newline="") as file:
        reported = {row["month"]: Decimal(row["value"]) for row in csv.DictReader(file)}
    with released(whole) as con:
        assert con.execute("SELECT sum(events) FROM marts.fct_user_activity_day").fetchone() == (150_719,)
        assert con.execute("SELECT sum(staged) FROM marts.extraction_hours").fetchone() == (150_719,)
        assert con.execute("SELECT count(*) FROM marts.dim_account").fetchone() == (249,)
        assert con.execute("SELECT count(DISTINCT user_key) FROM marts.fct_user_activity_day").fetchone() == (249,)
        found = con.execute("SELECT month_start::VARCHAR, sum(arr) FROM marts.fct_arr_month GROUP BY ALL").fetchall()
        ties = con.execute("SELECT status, count(*) FROM marts.tie_out WHERE check_key = 'control_total' GROUP BY ALL")
        assert dict(found) == reported
        assert ties.fetchall() == [("ok", 12)]
    assert manifest(whole).as_of == {"money": "2017-12-31", "usage": "2017-12-31", "joint": "2017-12-31"}


def test_identities_of_usage_hold(whole: Path) -> None:
    with released(whole) as con:
        assert broken(lambda sql: con.execute(sql).fetchall()) == {}
        assert con.execute("SELECT count(DISTINCT feature_key) FROM marts.account_adoption").fetchone() == (311,)


def test_a_second_run_changes_nothing(whole: Path) -> None:
    before = hashes(whole)
    again = lens("refresh", home=whole, company=complete_journey())
    assert again.returncode == 0 and "Nothing new" in again.stdout, again.stderr
    assert hashes(whole) == before
    # Asked for directly, as from the Dagster UI, the run goes through and finds the same.
    assert refresh(whole, complete_journey()).code == 0
    assert hashes(whole) == before


def test_month_by_month_equals_all_at_once(whole: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for month in range(1, 13):
        until = f"2017-{month:02d}-{monthrange(2017, month)[1]}"
        outcome = refresh(home, complete_journey(), until)
        assert outcome.code == 0, outcome.message
        assert manifest(home).as_of["joint"] == until
    assert hashes(home) == hashes(whole)
