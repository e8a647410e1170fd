"""Exporting from the local server: the window, the three hours, the credentials, the rows, annotations."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from assets.amplitude.schema import INTEGERS, KEYS
from pipelines.sandbox.server import AmplitudeServer
from support.amplitude_server import (
    API_KEY,
    AUTH,
    HOUR,
    NOW,
    SECRET_KEY,
    Clock,
    export,
    get,
    hour_file,
    members,
    post,
    rows,
    sent,
    server,
    settles,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running(tmp_path: Path, clock: Clock) -> Iterator[AmplitudeServer]:
    with server(tmp_path, clock) as started:
        yield started


def test_rows_have_the_55_keys_and_the_types_of_an_export(running: AmplitudeServer, clock: Clock) -> None:
    post(running, [sent(0, price=9.5, quantity=2, platform="Web", app_version="4.1", ip="$remote"), {
        "event_type": "a", "user_id": "user-1"}])  # fmt: skip
    clock.now += 3 * HOUR
    found = rows(export(running))
    assert len(found) == 2
    for row in found:
        assert tuple(row) == KEYS
        assert all(type(row[key]) is int for key in INTEGERS)
        assert all(type(row[key]) is dict for key in ("event_properties", "user_properties", "groups", "data", "plan"))
        assert row["device_id"] and row["uuid"] and row["event_time"]
    full = next(row for row in found if row["event_type"] != "a")
    assert full["event_properties"] == {"n": 0, "$price": 9.5, "$quantity": 2}
    assert (full["platform"], full["version_name"], full["ip_address"]) == ("Web", "4.1", "127.0.0.1")
    assert (full["groups"], full["app"], full["session_id"]) == ({"account": ["acct-1"]}, 517204, 1772705700000)
    bare = next(row for row in found if row["event_type"] == "a")
    assert (bare["session_id"], bare["$insert_id"], bare["groups"]) == (-1, None, {})


def test_an_hour_is_ready_three_hours_after_it_began(running: AmplitudeServer, clock: Clock) -> None:
    post(running, [sent()])
    for now, status in ((NOW, 404), (datetime(2026, 3, 5, 12, 59, 59), 404), (datetime(2026, 3, 5, 13), 200)):
        clock.now = now
        assert export(running).status_code == status, now


def test_a_window_holds_both_its_ends_and_leaves_out_what_is_not_ready(running: AmplitudeServer, clock: Clock) -> None:
    for n in range(5):
        running.seed(NOW + n * HOUR, n, hour_file(NOW + n * HOUR, n + 1), n + 1)
    clock.now = NOW + 6 * HOUR
    assert list(members(export(running, NOW + HOUR, NOW + 9 * HOUR))) == [
        "517204/517204_2026-03-05_11#1.json.gz",
        "517204/517204_2026-03-05_12#2.json.gz",
        "517204/517204_2026-03-05_13#3.json.gz",
    ]
    assert export(running, NOW + 4 * HOUR).status_code == 404  # not ready
    assert export(running, NOW - 4 * HOUR).status_code == 404  # no data
    assert running.count() == 15 and list(running.hours().values()) == [1, 2, 3, 4, 5]


def test_windows_that_are_refused(running: AmplitudeServer) -> None:
    running.seed(NOW - 4 * HOUR, 0, hour_file(NOW, 5), 5)
    for start, end in (
        ("2026-03-05T10", "20260305T10"), ("20260305T10", ""), ("20260305T1", "20260305T10"),
        ("20261305T10", "20261305T10"), ("20260305T24", "20260305T24"), ("20260305T10", "20260305T09"),
        ("20250305T10", "20260305T10"),
    ):  # fmt: skip
        assert get(running, "/api/2/export", start=start, end=end).status_code == 400, (start, end)
    assert get(running, "/api/2/export", start="20250305T10", end="20260305T09").status_code == 200  # 365 days
    running.max_bytes = 100
    answer = export(running, NOW - 4 * HOUR)
    assert (answer.status_code, "4 GB" in answer.text) == (400, True)


def test_credentials_are_asked_for(running: AmplitudeServer) -> None:
    for path in ("/api/2/export?start=20260305T10&end=20260305T10", "/api/3/annotations"):
        answer = get(running, path, auth=None)
        assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
        for wrong in ((API_KEY, "wrong"), ("wrong", SECRET_KEY), (SECRET_KEY, API_KEY)):
            answer = get(running, path, auth=wrong)
            assert (answer.status_code, answer.text) == (403, "Invalid API Key")
    garbled = {"Authorization": "Basic !" + base64.b64encode(b"a:b").decode()}
    assert httpx.get(running.url + "/api/3/annotations", headers=garbled, trust_env=False).status_code == 401


def test_paths_and_methods_that_are_not_there(running: AmplitudeServer) -> None:
    assert get(running, "/api/2/events").status_code == 404
    assert get(running, "/2/httpapi").status_code == 405
    assert httpx.post(running.url + "/api/2/export", auth=AUTH, trust_env=False).status_code == 405


def test_a_fifth_export_at_once_is_refused(running: AmplitudeServer) -> None:
    running.seed(NOW - 4 * HOUR, 0, hour_file(NOW - 4 * HOUR, 5), 5)
    release, inside = threading.Event(), threading.Semaphore(0)
    codes: list[int] = []

    def held(path: Path) -> Iterator[bytes]:
        inside.release()
        release.wait(10)
        yield path.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.sandbox.server.zipping._read", held)
        slow = [
            threading.Thread(target=lambda: codes.append(export(running, NOW - 4 * HOUR).status_code)) for _ in range(4)
        ]
        for thread in slow:
            thread.start()
        for _ in slow:
            assert inside.acquire(timeout=10)
        assert export(running, NOW - 4 * HOUR).status_code == 429
        release.set()
        for thread in slow:
            thread.join()
    assert codes == [200] * 4
    assert settles(lambda: export(running, NOW - 4 * HOUR).status_code == 200)


def test_an_hour_changes_only_when_it_gets_events(running: AmplitudeServer, clock: Clock) -> None:
    post(running, [sent(n) for n in range(10)])
    clock.now += 4 * HOUR
    first = export(running)
    post(running, [sent(n) for n in range(20, 25)])  # another hour
    post(running, [sent(n) for n in range(10)])  # repeats only
    assert export(running).content == first.content
    clock.now = NOW + timedelta(minutes=1)
    post(running, [sent(30)])  # late: the same upload hour again
    clock.now = NOW + 4 * HOUR
    later = members(export(running))
    assert [len(part) for part in later.values()] == [10, 1]
    assert list(members(first)) == list(later)[:1] and members(first).items() <= later.items()


def test_a_part_that_is_seeded_again_replaces_the_former(running: AmplitudeServer) -> None:
    hour = NOW - 4 * HOUR
    running.seed(hour, 2, hour_file(hour, 3), 3)
    before = export(running, hour).content
    running.seed(hour, 2, hour_file(hour, 3), 3)
    assert export(running, hour).content == before
    running.seed(hour, 2, hour_file(hour, 4), 4)
    assert len(rows(export(running, hour))) == running.count() == 4


def test_annotations_are_kept_and_found(running: AmplitudeServer) -> None:
    def annotate(**note: object) -> httpx.Response:
        return httpx.post(running.url + "/api/3/annotations", json=note, auth=AUTH, trust_env=False)

    made = annotate(
        label="Reports 2", start="2026-03-01T09:00:00+01:00", end="2026-03-02", category="Launch", details="x"
    )
    assert made.status_code == 200
    data = made.json()["data"]
    assert (data["start"], data["end"]) == ("2026-03-01T08:00:00+00:00", "2026-03-02T00:00:00+00:00")
    assert (data["category"]["category"], data["details"], data["id"]) == ("Launch", "x", 1)
    assert annotate(label="Old", start="2025-01-01").json()["data"]["category"] is None
    for wrong in (
        {"label": "x"},
        {"start": "2026-01-01"},
        {"label": "x", "start": "soon"},
        {"label": 1, "start": "2026-01-01"},
        {"label": "x", "start": "2026-01-02", "end": "2026-01-01"},
    ):
        assert annotate(**wrong).status_code == 400, wrong
    assert [note["label"] for note in get(running, "/api/3/annotations").json()["data"]] == ["Old", "Reports 2"]
    for query in ({"category": "Launch"}, {"start": "2026-01-01"}):
        assert [note["id"] for note in get(running, "/api/3/annotations", **query).json()["data"]] == [1]
    assert get(running, "/api/3/annotations", start="soon").status_code == 400
