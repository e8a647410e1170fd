"""What a person meets at the command line: help that teaches, errors that say what, where and how to mend."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import World

from support.line import hashes, lens, manifest, refresh


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["refresh", "--help"],
        ["backfill", "--help"],
        ["release", "--help"],
        ["explain", "arr", "--help"],
        ["explain", "adoption", "--help"],
    ],
)
def test_help_teaches(arguments: list[str], tmp_path: Path) -> None:
    shown = lens(*arguments, home=tmp_path)
    assert shown.returncode == 0
    assert len(shown.stdout.split()) > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["refresh", "--company", "no-such-folder"], ["does not exist", "no-such-folder", "lens init"]),
        (["refresh", "--until", "31/10/2026"], ["'31/10/2026' is not a date", "--until", "YYYY-MM-DD"]),
        (["backfill", "--from", "2026-10-02", "--to", "2026-10-01"], ["--from is after --to", "swap them"]),
        (["sandbox", "build", "--size", "huge"], ["there is no size 'huge'", "small, demo or scale"]),
        (["release", "rollback"], ["no former release"]),
    ],
)
def test_bad_input_ends_with_two_and_says_what_where_and_how(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    answer = lens(*arguments, home=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    for word in words:
        assert word in answer.stderr.replace("\n", " "), answer.stderr


def test_a_started_company_folder_says_what_is_still_to_fill_in(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    started = lens("init", str(folder), home=tmp_path / "home")
    assert started.returncode == 0, started.stderr
    assert "lens doctor" in started.stdout
    again = lens("init", str(folder), home=tmp_path / "home")
    assert again.returncode == 2
    examined = lens("doctor", home=tmp_path / "home", company=folder)
    assert examined.returncode == 2
    assert "no export files" in examined.stdout and "mend:" in examined.stdout


def test_doctor_finds_nothing_wrong_with_a_working_company(world: World) -> None:
    examined = lens("doctor", home=world.home, company=world.company)
    assert examined.returncode == 0, examined.stdout
    assert "nothing stands in the way of a refresh" in examined.stdout


def test_a_figure_is_explained_down_to_its_contracts(world: World) -> None:
    asked = ["explain", "arr", "--month", "2026-10", "--segment", "MID_market"]
    shown = lens(*asked, home=world.home, company=world.company)
    assert shown.returncode == 0, shown.stderr
    assert "closing, 2026-10-31" in shown.stdout and "size mid_market" in shown.stdout
    account = next(word for word in shown.stdout.split() if word.startswith("acct-"))
    behind = lens(*asked, "--account", account, home=world.home, company=world.company)
    assert behind.returncode == 0, behind.stderr
    assert f"{account}-i" in behind.stdout and "another refresh" not in behind.stdout
    unknown = lens(*asked, "--product-line", "insight", home=world.home, company=world.company)
    assert unknown.returncode == 2 and "did you mean insights?" in unknown.stderr


def test_an_adoption_figure_is_explained_by_its_accounts(world: World) -> None:
    asked = ["explain", "adoption", "--month", "2026-10", "--segment", "MID_market"]
    shown = lens(*asked, "--feature", "Reports", home=world.home, company=world.company)
    assert shown.returncode == 0, shown.stderr
    assert "October 2026 · size mid_market" in shown.stdout and "entitled, 2026-10-31" in shown.stdout
    assert "on 3 days within 28" in shown.stdout and "acct-" in shown.stdout
    unknown = lens(*asked, "--feature", "report", home=world.home, company=world.company)
    assert unknown.returncode == 2 and "did you mean reports?" in unknown.stderr


def test_status_before_and_after_the_first_refresh(world: World, tmp_path: Path) -> None:
    before = lens("status", home=tmp_path / "home", company=world.company)
    assert before.returncode == 0 and "none yet" in before.stdout
    after = lens("status", home=world.home, company=world.company)
    assert "complete to 2026-10-31" in after.stdout
    assert "loaded" in after.stdout and "last run refresh success" in after.stdout


def test_a_truncated_zip_stops_the_refresh_and_the_mended_one_succeeds(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    archive = sorted((later.company / "events").glob("*.zip"))[-1]
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    answer = lens("refresh", home=later.home, company=later.company)
    assert answer.returncode == 2, answer.stdout
    assert archive.name in answer.stderr and "mend:" in answer.stderr and "Traceback" not in answer.stderr
    assert hashes(later.home) == hashes(world.home), "the last release stays readable"
    archive.write_bytes(whole)
    mended = refresh(later.home, later.company)
    assert mended.code == 0, mended.message
    assert hashes(later.home) == hashes(world.home)


@pytest.mark.slow
def test_a_damaged_member_holds_the_watermark_until_a_good_copy_is_there(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    archive = sorted((later.company / "events").glob("*.zip"))[-3]
    good = archive.read_bytes()
    with zipfile.ZipFile(archive) as packed:
        member = packed.infolist()[len(packed.infolist()) // 2]
        offset = member.header_offset + 30 + len(member.filename.encode()) + len(member.extra)
    bad = bytearray(good)
    bad[offset + 40 : offset + 60] = bytes(20)
    archive.write_bytes(bytes(bad))
    home = tmp_path / "fresh"  # an hour that is in the lake already is not read again from a damaged copy
    outcome = refresh(home, later.company)
    assert outcome.code == 0, outcome.message
    shown = lens("status", home=home, company=later.company)
    assert "hold the watermark" in shown.stdout and ("partial" in shown.stdout or "failed" in shown.stdout)
    held, whole = manifest(home), manifest(world.home)
    assert str(held.as_of["usage"]) < str(whole.as_of["usage"])
    assert held.as_of["money"] == whole.as_of["money"]
    archive.write_bytes(good)
    mended = refresh(home, later.company)
    assert mended.code == 0, mended.message
    assert hashes(home) == hashes(world.home)


def test_bad_finance_stops_before_anything_is_written(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    rates = later.company / "finance" / "fx_rates.csv"
    text = rates.read_text(encoding="utf-8")
    lines = text.splitlines()
    lines[3] = "10/31/2026" + lines[3][10:]
    rates.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = lens("refresh", home=later.home, company=later.company)
    assert answer.returncode == 2, answer.stdout
    for word in ("fx_rates.csv", "rate_date", "10/31/2026", "YYYY-MM-DD", "stays readable"):
        assert word in answer.stderr, answer.stderr
    rates.write_text(text, encoding="utf-8")
    assert "Nothing new" in lens("refresh", home=later.home, company=later.company).stdout


@pytest.mark.slow
def test_backfill_reads_days_again_and_changes_no_number(world: World, tmp_path: Path) -> None:
    later = world.copy(tmp_path)
    answer = lens("backfill", "--from", "2026-09-01", "--to", "2026-09-03", home=later.home, company=later.company)
    assert answer.returncode == 0, answer.stderr
    assert hashes(later.home) == hashes(world.home)


def test_an_unknown_key_in_company_yaml_names_the_nearest(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.company, tmp_path / "company")
    settings = tmp_path / "company" / "company.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("time_zone:", "timezone:"), encoding="utf-8")
    answer = lens("refresh", home=tmp_path / "home", company=tmp_path / "company")
    assert answer.returncode == 2
    assert "timezone" in answer.stderr and "time_zone" in answer.stderr
