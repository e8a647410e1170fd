"""The client keeps Amplitude's rules: what is retried, what is split, what is refused, and where credentials go."""

from __future__ import annotations

import base64
import random
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from assets.amplitude import export_api
from assets.amplitude.access import Access
from assets.amplitude.archive import hour_number
from assets.amplitude.download import Download
from assets.amplitude.export_api import Answer, ExportApi, Failed, NoData, Patience, TooMuch
from assets.amplitude.redaction import Redaction
from assets.errors import InputError
from support.export_archive import DAY, event
from support.fake_export import HOUR, KEY, SECRET, FakeExport, Reply, serving

QUICK = Patience(attempts=5, budget_seconds=600, connect_seconds=2, read_seconds=0.5)


@pytest.fixture
def fake() -> Iterator[FakeExport]:
    server = FakeExport(DAY + timedelta(days=3))
    server.add(DAY, [event(DAY, n) for n in range(50)])
    server.add(DAY + HOUR, [event(DAY + HOUR, n) for n in range(50)])
    with serving(server):
        yield server


class Slept:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.naps = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def ask(fake: FakeExport, folder: Path, hours: int = 2, patience: Patience = QUICK, access: Access | None = None,
        slept: Slept | None = None) -> Answer:  # fmt: skip
    slept = slept or Slept()
    with ExportApi(
        access or fake.access(), patience, sleep=slept.sleep, monotonic=slept.monotonic, rng=random.Random(1)
    ) as api:
        return api.download(hour_number(DAY), hour_number(DAY) + hours - 1, folder / "a.zip")


def replies(*answers: Reply | str | None) -> Any:
    """A script: these answers one after the other, then the ordinary ones."""
    left = list(answers)
    return lambda *_: left.pop(0) if left else None


def test_a_window_is_asked_for_in_utc_hours_and_saved_whole(tmp_path: Path, fake: FakeExport) -> None:
    answer = ask(fake, tmp_path)
    assert isinstance(answer, Download) and answer.bytes == answer.path.stat().st_size
    assert fake.seen[0][0] == "/api/2/export?start=20250303T00&end=20250303T01"
    assert fake.seen[0][1] == "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    with zipfile.ZipFile(answer.path) as archive:
        assert len(archive.namelist()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_passing_problems_are_retried(tmp_path: Path, fake: FakeExport, status: int) -> None:
    fake.script = replies((status, {}, b"busy"), (status, {}, b"busy"))
    assert isinstance(ask(fake, tmp_path), Download)
    assert len(fake.asked) == 3


@pytest.mark.parametrize("body", ["short", "corrupt", "no zip", "cut zip", "reset"])
def test_a_broken_body_never_becomes_an_archive(tmp_path: Path, fake: FakeExport, body: str) -> None:
    fake.script = lambda *_: body
    answer = ask(fake, tmp_path)
    assert isinstance(answer, Failed) and "5 attempts" in answer.problem
    assert list(tmp_path.iterdir()) == []
    fake.script = replies(body)
    assert isinstance(ask(fake, tmp_path), Download)


def test_a_hanging_host_is_given_up_and_asked_again(tmp_path: Path, fake: FakeExport) -> None:
    release = threading.Event()

    def hang(first: datetime, last: datetime, times: int) -> None:
        if times == 1:
            release.wait(5)

    fake.script = hang
    try:
        assert isinstance(ask(fake, tmp_path), Download)
    finally:
        release.set()
    assert len(fake.asked) == 2


def test_a_host_that_is_not_there_is_an_outage(tmp_path: Path, fake: FakeExport) -> None:
    answer = ask(fake, tmp_path, access=fake.access("http://127.0.0.1:9"))
    assert isinstance(answer, Failed) and answer.is_outage and "ConnectError" in answer.problem


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_honoured(tmp_path: Path, fake: FakeExport, kind: str) -> None:
    said = datetime.fromisoformat("2025-03-06T00:00:00+00:00")
    headers = {"Retry-After": "42"}
    if kind == "date":
        headers = {"Retry-After": format_datetime(said + timedelta(seconds=42), usegmt=True)}
        headers["Date"] = format_datetime(said, usegmt=True)
    fake.script = replies((429, headers, b""))
    slept = Slept()
    assert isinstance(ask(fake, tmp_path, slept=slept), Download)
    assert slept.naps == [42]


def test_a_wait_longer_than_the_budget_is_not_waited_for(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = replies((429, {"Retry-After": "7200"}, b""))
    slept = Slept()
    answer = ask(fake, tmp_path, slept=slept)
    assert isinstance(answer, Failed) and "7200 s" in answer.problem and slept.naps == []


def test_backoff_grows_with_full_jitter_and_ends_with_the_budget(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = lambda *_: (503, {}, b"down")
    slept = Slept()
    answer = ask(fake, tmp_path, patience=Patience(attempts=50, budget_seconds=200), slept=slept)
    assert isinstance(answer, Failed) and answer.is_outage and "HTTP 503: down" in answer.problem
    assert all(nap <= min(60, 2**n) for n, nap in enumerate(slept.naps))
    assert len(set(slept.naps)) == len(slept.naps) and sum(slept.naps) <= 200


@pytest.mark.parametrize("status", [400, 504])
def test_too_much_for_several_hours_is_not_retried(tmp_path: Path, fake: FakeExport, status: int) -> None:
    fake.script = lambda *_: (status, {}, b"too much")
    assert ask(fake, tmp_path) == TooMuch()
    assert len(fake.asked) == 1


def test_one_hour_that_is_too_much_is_an_error_with_the_hosts_words(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = lambda *_: (400, {}, b"start is malformed")
    assert ask(fake, tmp_path, hours=1) == Failed("HTTP 400: start is malformed", is_outage=False)
    assert len(fake.asked) == 1


def test_one_hour_that_times_out_is_retried_and_no_outage(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = lambda *_: (504, {}, b"")
    answer = ask(fake, tmp_path, hours=1)
    assert isinstance(answer, Failed) and not answer.is_outage and len(fake.asked) == 5


def test_no_data_is_an_answer(tmp_path: Path, fake: FakeExport) -> None:
    fake.parts.clear()
    assert ask(fake, tmp_path) == NoData()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_explained_and_never_retried(tmp_path: Path, fake: FakeExport, status: int) -> None:
    echoed = f"Invalid API Key {KEY} {SECRET} {quote(SECRET)} {base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode()}"
    fake.script = lambda *_: (status, {}, echoed.encode())
    with pytest.raises(InputError) as caught:
        ask(fake, tmp_path)
    assert len(fake.asked) == 1
    text = str(caught.value)
    assert "Invalid API Key" in text and "127.0.0.1" in text and "region" in text
    assert "analytics.eu.amplitude.com" in text
    for secret in (KEY, SECRET, quote(SECRET), base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()):
        assert secret not in text


def test_a_redirect_to_another_host_gets_no_request_at_all(tmp_path: Path, fake: FakeExport) -> None:
    with serving(FakeExport(DAY)) as other:
        fake.script = lambda *_: (302, {"Location": f"{other.url}/api/2/export?start=20250303T00&end=20250303T01"}, b"")
        with pytest.raises(InputError, match="refused") as caught:
            ask(fake, tmp_path)
        assert other.seen == [] and len(fake.asked) == 1
    assert "redirects to" in str(caught.value)


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = replies((307, {"Location": "/moved?start=20250303T00&end=20250303T01"}, b""))
    assert isinstance(ask(fake, tmp_path), Download)
    assert fake.seen[1][0].startswith("/moved") and fake.seen[1][1] == fake.seen[0][1]


def test_redirects_in_a_circle_end(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = lambda *_: (302, {"Location": "/again?start=20250303T00&end=20250303T01"}, b"")
    answer = ask(fake, tmp_path)
    assert isinstance(answer, Failed) and "redirects" in answer.problem


def test_the_proxy_of_the_environment_is_used(
    tmp_path: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", fake.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert isinstance(ask(fake, tmp_path, access=fake.access("http://export.example")), Download)
    assert fake.seen[0][0].startswith("http://export.example/api/2/export?")


def test_no_more_than_four_requests_at_once(tmp_path: Path, fake: FakeExport) -> None:
    pause = threading.Event()
    fake.script = lambda *_: pause.wait(0.1) and None
    with ExportApi(fake.access(), QUICK) as api, ThreadPoolExecutor(12) as pool:
        hour = hour_number(DAY)
        list(pool.map(lambda n: api.download(hour, hour, tmp_path / f"{n}.zip"), range(12)))
    assert fake.most_at_once == 4


def test_a_full_disk_is_said_before_it_is_full(
    tmp_path: Path, fake: FakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_api, "_FREE_BYTES", 1 << 60)
    with pytest.raises(InputError, match="GB free") as caught:
        ask(fake, tmp_path)
    assert str(tmp_path) in str(caught.value) and list(tmp_path.iterdir()) == []


def test_closing_wakes_whoever_waits(tmp_path: Path, fake: FakeExport) -> None:
    fake.script = lambda *_: (429, {"Retry-After": "500"}, b"")
    api = ExportApi(fake.access(), Patience())
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(api.download, hour_number(DAY), hour_number(DAY), tmp_path / "a.zip")
        while not fake.asked:
            pass
        api.close()
        assert isinstance(future.exception(timeout=5), Exception)


def test_no_secret_in_any_repr(fake: FakeExport) -> None:
    with ExportApi(fake.access()) as api:
        texts = [repr(api), str(api), repr(fake.access()), repr(Redaction.of(KEY, SECRET))]
    assert not [text for text in texts if KEY in text or SECRET in text]
