"""What readers see when something fails, is lost or is taken back: always a whole release."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import World

from support.line import hashes, lens, manifest, refresh


@pytest.mark.slow
def test_a_failed_money_check_holds_back_money_and_lets_usage_go_out(world: World, tmp_path: Path) -> None:
    from pipelines.sandbox.extra import extra_day

    later = world.copy(tmp_path)
    before = manifest(later.home)
    rates = later.company / "finance" / "fx_rates.csv"
    whole = rates.read_text(encoding="utf-8")
    kept = [line for line in whole.splitlines() if not re.match(r"2026-0?9-30,EUR,.*month_end", line)]
    assert len(kept) == len(whole.splitlines()) - 1
    rates.write_text("\n".join(kept) + "\n", encoding="utf-8")
    extra_day(later.company, date(2026, 11, 1), 400)

    outcome = refresh(later.home, later.company)
    assert outcome.code == 1
    assert "money is held back" in outcome.message and "EUR" in outcome.message
    after = manifest(later.home)
    assert after.as_of == {"money": "2026-10-31", "usage": "2026-11-01", "joint": "2026-10-31"}
    assert after.tables["fct_arr_month"].content_hash == before.tables["fct_arr_month"].content_hash
    assert after.tables["fct_arr_month"].from_release == before.release_id
    shown = lens("status", home=later.home, company=later.company)
    assert "held back" in shown.stdout

    rates.write_text(whole, encoding="utf-8")
    mended = refresh(later.home, later.company)
    assert mended.code == 0, mended.message
    assert not manifest(later.home).held_back
    assert hashes(later.home)["arr_by_segment"] == hashes(world.home)["arr_by_segment"]


@pytest.mark.slow
def test_a_lost_warehouse_is_replayed_from_the_lake(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    (later.home / "warehouse.duckdb").unlink()
    shutil.rmtree(later.home / "serving")
    assert refresh(later.home, later.company).code == 0
    assert hashes(later.home) == hashes(world.home)


@pytest.mark.slow
def test_rollback_returns_to_the_former_release_and_says_so(world: World, tmp_path: Path) -> None:
    from pipelines.sandbox.extra import extra_day

    later = world.copy(tmp_path)
    first = manifest(later.home).release_id
    extra_day(later.company, date(2026, 11, 1), 100)
    assert refresh(later.home, later.company).code == 0
    back = lens("release", "rollback", home=later.home, company=later.company)
    assert back.returncode == 0, back.stderr
    assert first in back.stdout
    assert manifest(later.home).release_id == first
    none_left = lens("release", "rollback", home=later.home, company=later.company)
    assert none_left.returncode == 2
    assert "no former release" in none_left.stderr
