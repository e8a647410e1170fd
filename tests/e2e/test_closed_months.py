"""Months closed from the command line, corrected by finance afterwards: what was reported stays and adds up."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import World

from assets.errors import InputError
from pipelines.closing import CloseConfig, carry_out
from pipelines.news import stands
from support.line import lens, manifest, refresh, released, settings_for

AS_REPORTED = "SELECT * FROM marts.arr_month_as_reported ORDER BY ALL"
TOTALS = "SELECT count(*), sum(arr), sum(carr), sum(gross_arr) FROM marts.{} WHERE strftime(month_start, '%Y-%m') = ?"


def _clean_pair(home: Path) -> tuple[str, str]:
    """The newest two months in a row in which no tie-out check fails: others have discrepancies planted."""
    with released(home) as con:
        rows = con.execute("""
            SELECT strftime(month_start, '%Y-%m'), month_start IN (
                SELECT month_start FROM marts.tie_out WHERE status = 'fail')
            FROM marts.fct_arr_month GROUP BY month_start ORDER BY month_start DESC
        """).fetchall()
    return next((before[0], month[0]) for month, before in pairwise(rows) if not month[1] and not before[1])


def _edit(company: Path, table: str, change: object) -> None:
    """Apply ``change(rows)`` to a finance CSV."""
    path = company / "finance" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    rows = change(rows)  # type: ignore[operator]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _correct(company: Path, month: str) -> None:
    """Finance corrects the past: a euro rate, the quantity of some contracts, an account's size; one contract goes.

    What the CFO reported before is withdrawn: the control totals were those of the figures as they were.
    """

    def rates(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for row in rows:
            if row["rate_date"].startswith(month) and row["from_currency"] == "EUR" and row["rate_type"] == "month_end":
                row["rate"] = str(Decimal(row["rate"]) + Decimal("0.05"))
        return rows

    def items(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for row in rows[:20]:
            row["quantity"] = str(Decimal(row["quantity"]) + 1)
        return rows

    def segments(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        seen = {row["value"] for row in rows if row["dimension"] == "size"}
        for row in [row for row in rows if row["dimension"] == "size"][:5]:
            row["value"] = min(seen - {row["value"]})
        return rows

    _edit(company, "fx_rates", rates)
    _edit(company, "subscription_items", items)
    _edit(company, "account_segments", segments)
    _edit(company, "control_totals", lambda rows: [])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_closed_month_stays_as_reported_whatever_finance_corrects(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    first, second = _clean_pair(later.home)
    with released(later.home) as con:
        published = con.execute(TOTALS.format("fct_arr_month"), [first]).fetchone()
    _close_first(later, first)

    _correct(later.company, first)
    outcome = refresh(later.home, later.company)
    assert outcome.code == 0, outcome.message
    run = manifest(later.home).run_id
    with released(later.home) as con:
        as_reported = con.execute(AS_REPORTED).fetchall()
        assert con.execute(TOTALS.format("arr_month_as_reported"), [first]).fetchone() == published
        causes = con.execute("SELECT cause, min(first_seen_run) FROM marts.restatements GROUP BY 1 ORDER BY 1")
        assert causes.fetchall() == [("fx", run), ("segment", run), ("source", run)]
        today = con.execute(TOTALS.format("fct_arr_month"), [first]).fetchall()[0][1]
        restated = con.execute("SELECT sum(delta) FROM marts.restatements").fetchall()[0][0]
        assert today - (published or (0, 0))[1] == restated != 0
    judged = {check["name"]: check["status"] for check in manifest(later.home).checks}
    assert (judged["restatements_complete"], judged["reported_bridge_adds_up"]) == ("pass", "pass")
    assert stands(settings_for(later.home, later.company), None) is not None

    closed = lens("close", second, home=later.home, company=later.company)
    assert closed.returncode == 0, closed.stderr
    _rebuild_from_the_lake(later)
    with released(later.home) as con:
        assert con.execute(AS_REPORTED).fetchall()[: len(as_reported)] == as_reported
        assert con.execute("SELECT DISTINCT first_seen_run FROM marts.restatements").fetchall() == [(run,)]
        adjustment = con.execute(
            "SELECT sum(prior_period_adjustment_arr) FROM marts.arr_bridge_as_reported"
            " WHERE dimension = 'size' AND strftime(month_start, '%Y-%m') = ?",
            [second],
        ).fetchall()
        assert adjustment == [(restated,)]
        off = con.execute("""
            SELECT count(*) FROM marts.arr_bridge_as_reported WHERE closing_arr <> opening_arr + new_arr
                + reactivation_arr + expansion_arr + contraction_arr + churn_arr + fx_arr + transfer_in_arr
                + transfer_out_arr + prior_period_adjustment_arr
        """).fetchone()
        assert off == (0,)
    _reopen(later, first, second)


def _close_first(later: World, month: str) -> None:
    early = lens("close", "2026-11", home=later.home, company=later.company)
    assert early.returncode == 2 and "is not complete" in early.stderr, early.stderr
    settings = settings_for(later.home, later.company)
    assert stands(settings, None) is not None
    closed = lens("close", month, "--why", "signed off", home=later.home, company=later.company)
    assert closed.returncode == 0, closed.stderr
    assert f"{month} is closed (record 1)" in closed.stdout
    assert manifest(later.home).release_id in closed.stdout
    assert stands(settings, None) is None, "a refresh has something to publish"
    with pytest.raises(InputError, match="already closed"):
        carry_out(settings.home, CloseConfig(month=month), "again")


def _rebuild_from_the_lake(later: World) -> None:
    """A damaged close stops a refresh and names the file; whole again, a lost warehouse is replayed with it."""
    damaged = next((later.home / "lake" / "closes").rglob("arr_month.parquet"))
    whole = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(whole[:-10])
    refused = refresh(later.home, later.company)
    assert refused.code == 2 and str(damaged) in refused.message and "backup" in refused.message
    damaged.write_bytes(whole)
    (later.home / "warehouse.duckdb").unlink()
    outcome = refresh(later.home, later.company)
    assert outcome.code == 0, outcome.message


def _reopen(later: World, first: str, second: str) -> None:
    without_why = lens("close", second, "--reopen", home=later.home, company=later.company)
    assert without_why.returncode == 2 and "needs a reason" in without_why.stderr
    opened = lens("close", second, "--reopen", "--why", "late credit", home=later.home, company=later.company)
    assert opened.returncode == 0 and f"{second} is open again (record 2): late credit" in opened.stdout
    listed = lens("close", "--list", home=later.home, company=later.company)
    assert re.search(rf"{first} +1 +close .*signed off +stands", listed.stdout), listed.stdout
    assert re.search(rf"{second} +2 +reopen .*late credit", listed.stdout), listed.stdout
    assert f"closed   {first}" in lens("status", home=later.home, company=later.company).stdout
