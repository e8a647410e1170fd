"""A forgotten user is nowhere in LENS_HOME: not in lake, warehouse, releases, logs or Dagster's own storage."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import World

from assets.company.user_hash import UserHash
from pipelines.assembly import build_definitions
from pipelines.jobs import FORGET, op_config
from pipelines.news import stands
from pipelines.run import run_job
from support.line import hashes, lens, manifest, refresh, released, settings_for

pytestmark = pytest.mark.timeout(900)


def _forms(user: str) -> list[bytes]:
    """The id as it is, URL-encoded, and in base64 wherever it may begin within a longer text."""
    shifted = [base64.b64encode(b"\0" * shift + user.encode()) for shift in range(3)]
    cores = [text[(0, 2, 3)[shift] : -4].rstrip(b"=") for shift, text in enumerate(shifted)]
    return [user.encode(), urllib.parse.quote(user, safe="").encode(), *cores]


def _tables(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every table of a database file as text: strings are compressed there."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        for schema, table in tables:
            rows = con.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            yield f"{path.name}: {schema}.{table}", repr(rows).encode()


def _contents(home: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in home.rglob("*") if p.is_file() and not p.is_symlink()):
        yield str(path.relative_to(home)), path.read_bytes()
        if path.suffix == ".parquet":
            with duckdb.connect() as con:
                yield str(path), repr(con.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()).encode()
        elif path.suffix == ".duckdb":
            yield from _tables(path)


def _places(home: Path, user: str) -> list[str]:
    forms = _forms(user)
    return [place for place, content in _contents(home) if any(form in content for form in forms)]


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
    assert any("lake" in place for place in _places(own.home, eve)), "there was nothing to forget"
    before, records, sums = manifest(own.home).release_id, _hours(own.home)[0], hashes(own.home)

    done = lens("forget", "--user", "-", home=own.home, company=own.company, input=eve + "\n")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Forgotten" in done.stdout and "yours" in done.stdout and eve not in done.stdout + done.stderr
    assert _places(own.home, eve) == []
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
    assert _places(own.home, eve) == _places(own.home, bob) == []
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
    assert _places(fresh, eve) == _places(fresh, key) == []
