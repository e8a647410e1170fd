"""The Export API behind Dagster and `lens`: secrets, metadata, backfills by day, accepted hours, nothing new."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest

from assets import keys
from assets.amplitude.access import HOSTS
from assets.amplitude.archive import hour_number
from assets.amplitude.asked import accept
from assets.amplitude.assets import build_hours_asset
from assets.board.choice import choose
from assets.company.assets import build_company_asset
from assets.company.fingerprint import noted_inputs
from assets.company.load import load_company
from assets.errors import InputError
from assets.home import Home
from assets.progress import silent
from assets.warehouse import read
from pipelines import amplitude, news
from pipelines.assembly import pending_days
from pipelines.company import first_upload_day
from pipelines.jobs import ACCEPT, backfill_config, op_config, range_tags
from pipelines.upkeep import upkeep_jobs
from support.company_folder import SETTINGS, make_folder
from support.export_archive import DAY, event, query
from support.fake_export import HOUR, KEY, SECRET, FakeExport, serving
from support.line import lens, settings_for

YAML = SETTINGS + "events: {source: amplitude_api, start_date: 2025-03-03, retry_minutes: 0}\n"
FORMS = [
    form
    for text in (KEY, SECRET, f"{KEY}:{SECRET}")
    for form in (text, base64.b64encode(text.encode()).decode(), quote(text, ""))
]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExport]:
    server = FakeExport(DAY + timedelta(hours=52))
    for n in range(0, 96, 4):
        server.add(DAY + n * HOUR, [event(DAY + n * HOUR, i) for i in range(5)])
    with serving(server):
        monkeypatch.setitem(HOSTS, "us", server.url)
        monkeypatch.setattr(amplitude, "clock", lambda _: server.clock())
        for name in ("AMPLITUDE_API_KEY", "AMPLITUDE_SECRET_KEY"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_folder(tmp_path, company_yaml=YAML)
    (made / ".env").write_text(f"AMPLITUDE_API_KEY={KEY}\nexport AMPLITUDE_SECRET_KEY='{SECRET}'\n", encoding="utf-8")
    (made / ".env").chmod(0o600)
    return made


def run(
    home: Path, folder: Path, days: tuple[str, str] = ("2025-03-03", "2025-03-05"), **config: Any
) -> dict[str, Any]:
    """The company's and the hours' assets in one run, recorded below the home; the metadata of the hours."""
    partitions = dg.DailyPartitionsDefinition("2025-03-03", end_date="2025-04-01")
    assets = [
        build_company_asset(Home(home), folder, lambda: None, choose),
        build_hours_asset(Home(home), folder, partitions, silent, amplitude.export_access),
    ]
    (home / "dagster").mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home / "dagster"), {"telemetry": {"enabled": False}}) as instance:
        result = dg.materialize(
            assets, instance=instance, tags=range_tags(*days), run_config=config,
            resources={"refresh_lock": dg.ResourceDefinition.none_resource()},
        )  # fmt: skip
    found = [event for event in result.get_asset_materialization_events() if event.asset_key == keys.AMPLITUDE_HOURS]
    values = found[-1].step_materialization_data.materialization.metadata
    return {name: value.value for name, value in values.items()}


def stands(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a release of what the last run read would still stand."""
    with read(Home(home).warehouse) as con:
        inputs = noted_inputs(con)
    manifest = SimpleNamespace(held_back={}, fingerprint=news.with_code(inputs, None))
    monkeypatch.setattr(news, "current", lambda _: SimpleNamespace(manifest=manifest))
    return news.stands(settings_for(home, folder), None) is not None


def test_gaps_are_told_until_the_hour_is_accepted(
    tmp_path: Path, folder: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, bad = tmp_path / "home", DAY + 9 * HOUR
    fake.script = lambda first, last, _: (400, {}, f"{KEY} {SECRET} no".encode()) if first <= bad <= last else None
    told = run(home, folder)
    assert (told["gaps"], told["first_gaps"], told["usage_watermark"]) == (1, "2025-03-03 09h failed", "None")
    assert (told["hours_fetched"], told["hours_failed"], told["archives_downloaded"] > 3) == (13, 1, True)
    assert query(Home(home), "SELECT count(*) FROM raw.amplitude_events") == [(65,)]
    assert told["download_problem"].endswith("*** *** no")
    assert not stands(home, folder, monkeypatch)  # the failed hour can be asked for
    shown = lens("status", home=home, company=folder).stdout
    assert "2025-03-03 09:00" in shown and "failed" in shown and "*** *** no" in shown
    accept(Home(home), hour_number(bad), "too big, ticket 7")
    assert not stands(home, folder, monkeypatch)  # the accepted hour moves the watermark
    assert "2025-03-03 09:00 UTC: too big, ticket 7" in lens("status", home=home, company=folder).stdout
    told = run(home, folder)
    assert (told["gaps"], told["first_gaps"], told["usage_watermark"]) == (0, "none", "2025-03-04")
    rows = query(Home(home), "SELECT state FROM raw.amplitude_hours WHERE upload_hour = '2025-03-03 09:00'")
    assert rows == [("accepted",)]
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"ticket 7" in kept and not [form for form in FORMS if form.encode() in kept]


def test_nothing_is_new_until_a_newer_hour_can_be_asked_for(
    tmp_path: Path, folder: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    run(home, folder)
    asked = list(fake.asked)
    assert stands(home, folder, monkeypatch)
    fake.now += HOUR
    assert not stands(home, folder, monkeypatch)
    first, last = pending_days(settings_for(home, folder), load_company(folder))
    assert (first, last) == (date(2025, 3, 4), date(2025, 3, 5))  # hours of the 4th are checked for late parts
    assert fake.asked == asked  # planning asks nobody
    run(home, folder)
    assert stands(home, folder, monkeypatch)


def test_a_backfill_downloads_what_is_missing_and_with_again_everything(
    tmp_path: Path, folder: Path, fake: FakeExport
) -> None:
    home, day = tmp_path / "home", ("2025-03-04", "2025-03-04")
    config = {"ops": backfill_config()["ops"]}
    assert run(home, folder, day, **config)["hours_fetched"] == 6
    assert {hour.date() for hour in fake.hours_asked} == {date(2025, 3, 4)}
    assert run(home, folder, day, **config)["archives_downloaded"] == 0
    run(home, folder, day, ops=backfill_config(again=True)["ops"])
    assert set(fake.hours_asked.values()) == {2} and len(fake.hours_asked) == 24
    assert query(Home(home), "SELECT count(*) FROM raw.amplitude_events") == [(30,)]


def test_missing_credentials_are_said_before_anything_is_asked(tmp_path: Path, folder: Path, fake: FakeExport) -> None:
    (folder / ".env").write_text("AMPLITUDE_API_KEY=\n", encoding="utf-8")
    with pytest.raises(InputError, match="AMPLITUDE_API_KEY and AMPLITUDE_SECRET_KEY are missing") as caught:
        run(tmp_path / "home", folder)
    assert str(folder / ".env") in str(caught.value) and fake.asked == []


def test_doctor_looks_for_credentials_without_asking_anybody(tmp_path: Path, folder: Path, fake: FakeExport) -> None:
    good = lens("doctor", home=tmp_path / "home", company=folder)
    assert good.returncode == 0 and "credentials are there" in good.stdout and fake.asked == []
    (folder / ".env").chmod(0o644)
    assert "chmod 600" in lens("doctor", home=tmp_path / "home", company=folder).stdout
    (folder / ".env").unlink()
    bad = lens("doctor", home=tmp_path / "home", company=folder)
    assert bad.returncode == 2 and "no AMPLITUDE_API_KEY and no AMPLITUDE_SECRET_KEY" in bad.stdout


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPLITUDE_API_KEY", "from-environment")
    monkeypatch.delenv("AMPLITUDE_SECRET_KEY", raising=False)
    with amplitude.export_access(load_company(folder)) as access:
        assert access is not None and access.base_url == "https://amplitude.com"
        assert access.api_key.get_secret_value() == "from-environment"
        assert access.secret_key.get_secret_value() == SECRET
    (folder / "company.yaml").write_text(YAML.replace("source", "region: eu, source"), encoding="utf-8")
    with amplitude.export_access(load_company(folder)) as access:
        assert access is not None and access.base_url == "https://analytics.eu.amplitude.com"


def test_upload_days_begin_with_the_hour_of_local_midnight(tmp_path: Path, folder: Path) -> None:
    (folder / "company.yaml").write_text(YAML + "time_zone: Europe/Berlin\n", encoding="utf-8")
    assert first_upload_day(settings_for(tmp_path / "home", folder), load_company(folder)) == date(2025, 3, 2)


def test_a_folder_company_is_not_asked_about_any_api(folder: Path) -> None:
    (folder / "company.yaml").write_text(SETTINGS + "events: {source: export_archive, path: e}\n", encoding="utf-8")
    with amplitude.export_access(load_company(folder)) as access:
        assert access is None


def test_an_hour_is_accepted_by_a_job(tmp_path: Path, folder: Path, fake: FakeExport) -> None:
    home = tmp_path / "home"
    fake.script = lambda *_: (500, {}, b"down")
    run(home, folder)
    job = next(job for job in upkeep_jobs(Home(home)) if job.name == ACCEPT)
    config = op_config("accept_hour", {"hour": "2025-03-03T09", "why": "lost, ticket 7"})
    assert job.execute_in_process(run_config=config).success
    assert "lost, ticket 7" in lens("status", home=home, company=folder).stdout
    with pytest.raises(InputError, match="does not know this hour"):
        job.execute_in_process(run_config=op_config("accept_hour", {"hour": "2025-02-03T09", "why": "x"}))
    wrong = lens("ledger", "accept", "yesterday", "--why", "x", home=home, company=folder)
    assert wrong.returncode == 2 and "not an upload hour" in wrong.stderr
