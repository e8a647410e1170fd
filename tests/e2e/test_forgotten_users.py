"""A forgotten user is nowhere in LENS_HOME: not in lake, warehouse, releases, logs or Dagster's own storage."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import World

from assets.company.user_hash import UserHash
from pipelines.assembly import build_definitions
from pipelines.jobs import FORGET, op_config
from pipelines.news import stands
from pipelines.run import run_job
from support.line import hashes, lens, manifest, refresh, released, settings_for
from support.traces import places

pytestmark = pytest.mark.timeout(900)


def _two_users(home: Path) -> tuple[str, str]:
    """Two identified users, neither id part of another's."""
    with released(home) as con:
        rows = con.execute(
            """SELECT user_key FROM marts.fct_user_activity_day WHERE NOT contains(user_key, ':')
            GROUP BY user_key ORDER BY count(*) DESC, user_key"""
        ).fetchall()
    keys = [key for (key,) in rows]
    alone = [key for key in keys if sum(key in other for other in keys) == 1]
    return alone[0], alone[1]


def _hours(home: Path) -> tuple[int, int, int]:
    with released(home) as con:
        counts = "sum(records), sum(erased), count(*) FILTER (records <> staged + duplicates + quarantined + erased)"
        return con.execute(f"SELECT {counts} FROM marts.extraction_hours").fetchall()[0]


@pytest.mark.slow
def test_forgotten_users_are_nowhere_and_do_not_come_back(world: World, tmp_path: Path) -> None:
    own = world.copy(tmp_path)
    eve, bob = _two_users(own.home)
    assert any("lake" in place for place in places(own.home, eve)), "there was nothing to forget"
    before, records, sums = manifest(own.home).release_id, _hours(own.home)[0], hashes(own.home)

    done = lens("forget", "--user", "-", home=own.home, company=own.company, input=eve + "\n")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Forgotten" in done.stdout and "yours" in done.stdout and eve not in done.stdout + done.stderr
    assert places(own.home, eve) == []
    assert [path.name for path in (own.home / "serving" / "releases").iterdir()] == [manifest(own.home).release_id]
    assert manifest(own.home).release_id != before and not manifest(own.home).held_back
    assert all(hashes(own.home)[mart] == sums[mart] for mart in ("fct_arr_month", "dim_account", "tie_out"))
    total, erased, off = _hours(own.home)
    assert (total, off) == (records, 0) and erased > 0

    # as from the Dagster UI: the id comes in a file that is gone afterwards
    request = tmp_path / "request.txt"
    request.write_text(bob + "\n")
    settings = settings_for(own.home, own.company)
    job = build_definitions(settings).resolve_job_def(FORGET)
    outcome = run_job(settings.home, job, op_config("forget_users", {"ids_file": str(request)}), {})
    assert outcome.code == 0, outcome.message
    assert not request.exists() and not settings.home.warehouse.exists()
    assert stands(settings, None) is None, "a release that still holds them does not stand"

    with released(own.home) as con:
        first, last = con.execute(
            "SELECT min(upload_hour)::DATE, max(upload_hour)::DATE FROM marts.extraction_hours"
        ).fetchall()[0]
    again = lens("backfill", "--from", str(first), "--to", str(last), home=own.home, company=own.company)
    assert again.returncode == 0, again.stderr + again.stdout
    assert places(own.home, eve) == places(own.home, bob) == []
    more = _hours(own.home)
    assert (more[0], more[2]) == (records, 0) and more[1] > erased
    assert stands(settings, None) is not None


@pytest.mark.slow
def test_hashed_user_ids_change_no_number_and_leave_neither_id_nor_key(world: World, tmp_path: Path) -> None:
    key = "canary-key-0123456789-0123456789"
    own = world.copy(tmp_path)
    settings = own.company / "company.yaml"
    text = settings.read_text().replace("events:\n", "events:\n  hash_user_ids: true\n  keep_properties: []\n", 1)
    settings.write_text(text)
    (own.company / ".env").write_text(f"LENS_HASH_KEY={key}\n")
    fresh = tmp_path / "fresh"
    outcome = refresh(fresh, own.company)
    assert outcome.code == 0, outcome.message
    plain, hashed = hashes(world.home), hashes(fresh)
    assert {mart for mart in plain if plain[mart] != hashed[mart]} == {"fct_user_activity_day"}
    eve, _ = _two_users(world.home)
    known = "SELECT count(*) FROM marts.fct_user_activity_day WHERE user_key = ?"
    with released(fresh) as con, released(world.home) as former:
        found = con.execute(known, [UserHash(key.encode()).hashed(eve)]).fetchone()
        assert found == former.execute(known, [eve]).fetchone()
    assert places(fresh, eve) == places(fresh, key) == []
