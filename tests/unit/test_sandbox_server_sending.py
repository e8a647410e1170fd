"""Amplitude's own SDK against the local server: every event gets a verdict, and what arrives is what lands."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from pipelines.sandbox.server import AmplitudeServer, Fault
from pipelines.sandbox.server.sending import SendError, plain, send
from support.amplitude_server import API_KEY, HOUR, NOW, Clock, export, rows, sent, server
from support.export_archive import company, landed, query

INGEST = "/2/httpapi"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running(tmp_path: Path, clock: Clock) -> Iterator[AmplitudeServer]:
    with server(tmp_path, clock) as started:
        yield started


def exported(running: AmplitudeServer, clock: Clock) -> list[dict[str, Any]]:
    clock.now += 4 * HOUR
    return rows(export(running))


def test_what_the_sdk_sends_is_what_lands(tmp_path: Path, running: AmplitudeServer, clock: Clock) -> None:
    total = 0
    for hour in range(3):
        clock.now = NOW + hour * HOUR
        events = [sent(hour * 1000 + n) for n in range(150)]
        outcome = send(running.url, API_KEY, events, batch_size=40)
        total += outcome.accepted
        assert (outcome.sent, outcome.rejected, outcome.requeued) == (150, 0, 0)
    assert running.count() == total == 450
    clock.now += 4 * HOUR
    folder, home = tmp_path / "company", Home(tmp_path / "home")
    customer = company(folder, ("n",))
    (folder / "events" / "window.zip").write_bytes(export(running, NOW, NOW + 2 * HOUR).content)
    result = landed(home, customer)
    assert (result.hours, result.records, result.staged, result.quarantined) == (3, 450, 450, 0)
    (found,) = query(home, "SELECT count(*), count(DISTINCT uuid), count(DISTINCT user_id) FROM raw.amplitude_events")
    assert found == (450, 450, 4)


def test_events_arrive_in_order_and_typed(running: AmplitudeServer, clock: Clock) -> None:
    values = {
        "price": Decimal("9.50"),
        "seats": Decimal(3),
        "on": date(2026, 3, 1),
        "bad": float("nan"),
        "list": [1, None],
    }
    events = [
        sent(0, user_id=None, device_id="laptop"),
        sent(1, user_id="user-x", device_id="laptop", event_properties=values, price=Decimal(4)),
        sent(2, user_id="user-x", event_type="$identify", user_properties={"$set": {"since": date(2025, 1, 1)}}),
        sent(3, user_id=None, device_id=None, event_type="$groupidentify", groups={"account": "acme"},
             group_properties={"$set": {"plan": "pro"}}, event_properties=None, session_id=None),
    ]  # fmt: skip
    assert send(running.url, API_KEY, events).accepted == 4
    found = {row["event_type"] + str(row["$insert_id"])[-1]: row for row in exported(running, clock)}
    named = found["Report Opened1"]
    assert named["event_properties"] == {"price": 9.5, "seats": 3, "on": "2026-03-01", "list": [1], "$price": 4.0}
    assert named["data"]["merged_amplitude_id"] and named["library"] == "amplitude-python/1.3.0"
    assert found["$identify2"]["user_properties"] == {"since": "2025-01-01"}
    assert found["$groupidentify3"]["group_properties"] == {"account": {"acme": {"plan": "pro"}}}


def test_a_bad_minute_loses_and_doubles_nothing(running: AmplitudeServer) -> None:
    running.faults.add(
        Fault(INGEST, status=503), Fault(INGEST, "reset"), Fault(INGEST, status=429), Fault(INGEST, "short"),
        Fault(INGEST, "corrupt"), Fault(INGEST, status=500, body="not JSON"),
    )  # fmt: skip
    outcome = send(running.url, API_KEY, (sent(n) for n in range(60)), batch_size=20, pause=0.01)
    assert (outcome.sent, outcome.accepted, outcome.rejected) == (60, 60, 0)
    assert running.count() == 60 and running.faults.left == 0
    assert outcome.requeued > 0  # the SDK itself is silent about reset, short and corrupt answers


def test_an_outage_longer_than_the_sdk_retries_is_survived(
    running: AmplitudeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amplitude.storage.InMemoryStorage.max_retry", 2)
    running.faults.add(Fault(INGEST, status=503, times=5))
    outcome = send(running.url, API_KEY, [sent(n) for n in range(10)], pause=0.01)
    assert (outcome.accepted, outcome.requeued) == (10, 20)
    running.faults.add(Fault(INGEST, status=503, times=None))
    with pytest.raises(SendError, match="of 10 events 0 were accepted, 0 rejected and 10 lost") as failure:
        send(running.url, API_KEY, [sent(n) for n in range(10, 20)], rounds=1, pause=0.01)
    assert (failure.value.sent, failure.value.lost, running.count()) == (10, 10, 10)


def test_rejected_events_are_counted_with_the_reason(running: AmplitudeServer) -> None:
    events = [sent(0), sent(1, device_id="d", user_id=None), sent(2)]
    outcome = send(running.url, API_KEY, events)
    assert (outcome.accepted, outcome.rejected, running.count()) == (2, 1, 2)
    assert list(outcome.reasons.values()) == [1]


def test_a_wrong_key_ends_at_once_and_is_told_nowhere(
    running: AmplitudeServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SendError, match="refuses the api key") as failure:
        send(running.url, "canary-wrong-key", [sent()])
    with caplog.at_level(logging.DEBUG):
        send(running.url, API_KEY, [sent()])
    out, err = capfd.readouterr()
    told = caplog.text + out + err + str(failure.value)
    assert "canary" not in told


def test_events_the_sdk_would_lose_without_a_word_are_refused(running: AmplitudeServer) -> None:
    for wrong in (
        sent(0, insert_id=None), sent(0, time=None), sent(0, user_id=None, device_id=None), sent(0, event_type=""),
        sent(0, colour="red"), sent(0, session_id="x"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"an event needs|event field"):
            send(running.url, API_KEY, [wrong])
    assert running.count() == 0


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    running: AmplitudeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "internal.example")
    monkeypatch.setattr("urllib.request._opener", None)  # made once a process, with the proxies of that time
    assert send(running.url, API_KEY, [sent()]).accepted == 1


def test_plain_values_are_what_json_can_say() -> None:
    given = {"a": [Decimal("1.5"), float("inf"), [1, 2]], 3: {"b": Decimal("NaN")}, "c": ("x", True)}
    assert plain(given) == {"a": [1.5, "[1, 2]"], "3": {"b": None}, "c": ["x", True]}
    assert json.loads(json.dumps(plain(given), allow_nan=False))
