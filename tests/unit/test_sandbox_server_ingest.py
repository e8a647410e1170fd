"""Sending to the local server: what it takes, what it refuses and how, and who an event then belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.sandbox.server import AmplitudeServer
from support.amplitude_server import API_KEY, HOUR, NOW, SECRET_KEY, Clock, export, post, rows, sent, server

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running(tmp_path: Path, clock: Clock) -> Iterator[AmplitudeServer]:
    with server(tmp_path, clock) as started:
        yield started


def exported(running: AmplitudeServer, clock: Clock) -> list[dict[str, Any]]:
    """Everything sent so far, in the order of the client's times."""
    before = clock.now
    clock.now += 4 * HOUR
    found = rows(export(running, NOW, before))
    clock.now = before
    return sorted(found, key=lambda row: (row["server_upload_time"], row["client_event_time"]))


def form(running: AmplitudeServer, path: str, identification: object, key: str = API_KEY) -> httpx.Response:
    data = {"api_key": key, "identification": json.dumps(identification)}
    return httpx.post(running.url + path, data=data, trust_env=False)


@pytest.mark.parametrize("path", ["/2/httpapi", "/batch"])
def test_accepted_events_are_counted(running: AmplitudeServer, path: str) -> None:
    answer = post(running, [sent(n) for n in range(3)], path)
    assert answer.status_code == 200
    assert answer.json() == {
        "code": 200,
        "events_ingested": 3,
        "payload_size_bytes": len(answer.request.content),
        "server_upload_time": 1772705700000,
    }
    assert running.count() == 3 and running.hours() == {datetime(2026, 3, 5, 10): 3}


def test_one_wrong_event_refuses_the_request_and_names_all_that_are_wrong(running: AmplitudeServer) -> None:
    events = [
        sent(0), sent(1, event_type=""), sent(2, time="yesterday"), sent(3, user_id=None, device_id=None),
        sent(4, event_properties=[1]), sent(5, event_type=None), sent(6, user_id="u", device_id="d"),
        sent(7, user_id="u"),
    ]  # fmt: skip
    answer = post(running, events)
    assert answer.status_code == 400
    said = answer.json()
    assert (said["code"], said["error"]) == (400, "Request missing required field")
    assert said["events_with_missing_fields"] == {"event_type": [1, 5], "user_id": [3], "device_id": [3]}
    assert said["events_with_invalid_fields"] == {"time": [2], "event_properties": [4]}
    assert said["events_with_invalid_id_lengths"] == {"user_id": [6], "device_id": [6]}
    assert running.count() == 0
    assert post(running, [events[6]], options={"min_id_length": 1}).status_code == 200


def test_a_malformed_request_says_what_is_missing(running: AmplitudeServer) -> None:
    for body, missing in (({"events": [sent()]}, "api_key"), ({"api_key": API_KEY}, "events")):
        answer = httpx.post(running.url + "/2/httpapi", json=body, trust_env=False)
        assert (answer.status_code, answer.json()["missing_field"]) == (400, missing)
    for content in (b"{", b"[]", b'{"events": NaN}', b"\xff"):
        answer = httpx.post(running.url + "/2/httpapi", content=content, trust_env=False)
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid JSON request body")


def test_a_wrong_api_key_is_refused_with_the_key_that_was_given(running: AmplitudeServer) -> None:
    answer = post(running, [sent()], api_key="mistyped")
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid API key: mistyped")
    assert form(running, "/identify", {"user_id": "user-1"}, key="mistyped").status_code == 400
    assert running.count() == 0


def test_too_large_is_413_by_bytes_and_by_number(running: AmplitudeServer) -> None:
    large = [sent(0, event_properties={"text": "x" * (1 << 20)})]
    assert post(running, large).status_code == 413
    assert post(running, large, "/batch").status_code == 200
    answer = post(running, [sent(n) for n in range(2001)], "/batch")
    assert (answer.status_code, answer.json()["code"]) == (413, 413)
    huge = httpx.post(running.url + "/batch", content=b" " * (21 << 20), trust_env=False)
    assert huge.status_code == 413


def test_too_many_events_of_one_user_are_throttled(running: AmplitudeServer, clock: Clock) -> None:
    running.limits.events_per_second = 2
    crowd = [sent(n, user_id="crowd-user", device_id=f"device-{n}") for n in range(3)]
    answer = post(running, [*crowd, sent(9, user_id="other-user", device_id="other-device")])
    assert answer.status_code == 429
    said = answer.json()
    assert (said["throttled_users"], said["throttled_devices"]) == ({"crowd-user": 3}, {})
    assert (said["throttled_events"], said["eps_threshold"], running.count()) == ([0, 1, 2], 2, 0)
    assert post(running, crowd[:2]).status_code == 200
    assert post(running, crowd[2:]).status_code == 429
    clock.now += timedelta(seconds=1)
    assert post(running, crowd[2:]).status_code == 200


def test_a_repeat_within_seven_days_of_the_first_is_let_go(running: AmplitudeServer, clock: Clock) -> None:
    def resend(after: timedelta, **changes: Any) -> int:
        clock.now = NOW + after
        assert post(running, [sent(1, **changes)]).json()["events_ingested"] == 1
        return running.count()

    assert resend(0 * DAY) == 1
    assert resend(6 * DAY) == 1
    assert resend(7 * DAY) == 1
    assert resend(8 * DAY) == 2  # counted from the first, not from the last repeat
    assert resend(14 * DAY) == 2
    assert resend(14 * DAY, device_id="another-device") == 3
    assert resend(14 * DAY, insert_id=None) == 4
    assert resend(14 * DAY, insert_id=None) == 5
    found = exported(running, clock)
    assert len({row["uuid"] for row in found}) == len(found) == 5


def test_the_client_clock_is_corrected_by_what_it_is_wrong(running: AmplitudeServer, clock: Clock) -> None:
    post(running, [sent(0)], client_upload_time="2026-03-05T11:15:00Z")  # an hour fast
    (row,) = exported(running, clock)
    assert row["client_event_time"] == "2026-03-05 10:15:00.000000"
    assert row["client_upload_time"] == "2026-03-05 11:15:00.000000"
    assert row["event_time"] == "2026-03-05 09:15:00.000000"
    assert row["server_received_time"] == row["server_upload_time"] == "2026-03-05 10:15:00.000000"


def test_amplitude_ids_are_the_same_wherever_and_whenever(
    tmp_path: Path, running: AmplitudeServer, clock: Clock
) -> None:
    events = [sent(0, user_id="user-a"), sent(1, user_id="user-a", device_id="phone"), sent(2, user_id=None)]
    post(running, events)
    first = {row["uuid"]: row["amplitude_id"] for row in exported(running, clock)}
    with server(tmp_path / "another", clock) as other:
        for event in reversed(events):
            post(other, [event])
        again = exported(other, clock)
    assert {row["uuid"] for row in again} == first.keys()
    assert len({row["amplitude_id"] for row in again if row["user_id"] == "user-a"}) == 1
    assert all(1 << 32 < number < 1 << 53 for number in first.values())


def test_an_anonymous_device_that_names_its_user_gives_one_merge_fact(running: AmplitudeServer, clock: Clock) -> None:
    for n, user in enumerate([None, None, "user-x", "user-x", None, "user-y"]):
        post(running, [sent(n, user_id=user, device_id="laptop")])
    post(running, [sent(9, user_id="user-x", device_id="phone")])
    found = exported(running, clock)
    anonymous, known = found[0]["amplitude_id"], found[3]["amplitude_id"]
    assert anonymous != known
    # the row that tells of it still carries the id that is merged away
    assert [row["amplitude_id"] for row in found[:5]] == [anonymous, anonymous, anonymous, known, known]
    merged = [row["data"].get("merged_amplitude_id") for row in found]
    assert merged == [None, None, known, None, None, None, None]
    assert found[5]["amplitude_id"] not in (anonymous, known)
    assert found[6]["amplitude_id"] == known


def test_seeded_identities_continue(running: AmplitudeServer, clock: Clock) -> None:
    running.seed_identities({"user-a": 300_000_000_010}, {"laptop": 300_000_000_011})
    post(running, [sent(0, user_id=None, device_id="laptop"), sent(1, user_id="user-a", device_id="laptop")])
    found = exported(running, clock)
    assert [row["amplitude_id"] for row in found] == [300_000_000_011, 300_000_000_011]
    assert found[1]["data"]["merged_amplitude_id"] == 300_000_000_010


def test_properties_and_groups_stay_with_users_and_accounts(running: AmplitudeServer, clock: Clock) -> None:
    user = {"user_id": "user-a", "device_id": "laptop"}
    operations = {"$set": {"role": "admin"}, "$setOnce": {"role": "late", "since": 2024}, "$add": {"visits": 2}}
    assert form(running, "/identify", {**user, "user_properties": operations}).text == "success"
    more = [
        {**user, "user_properties": {"$append": {"tags": "x"}, "$add": {"visits": 1}}, "groups": {"account": "acme"}}
    ]
    assert form(running, "/identify", more).status_code == 200
    group = {"group_type": "account", "group_value": "acme", "group_properties": {"$set": {"plan": "pro"}}}
    assert form(running, "/groupidentify", group).status_code == 200
    post(running, [sent(5, **user, user_properties={"locale": "de"}, groups={})])
    found = exported(running, clock)
    assert sorted(row["event_type"] for row in found) == ["$groupidentify", "$identify", "$identify", "Report Opened"]
    last = next(row for row in found if row["event_type"] == "Report Opened")
    assert last["user_properties"] == {"role": "admin", "since": 2024, "visits": 3, "tags": ["x"], "locale": "de"}
    assert last["groups"] == {"account": ["acme"]}
    assert last["group_properties"] == {"account": {"acme": {"plan": "pro"}}}


def test_a_wrong_identification_is_refused(running: AmplitudeServer) -> None:
    for path, wrong in (
        ("/identify", {"user_properties": {"a": 1}}),
        ("/identify", [1]),
        ("/groupidentify", {"group_type": "account"}),
        ("/groupidentify", "text"),
    ):
        answer = form(running, path, wrong)
        assert answer.status_code == 400, (path, wrong, answer.text)
    broken = httpx.post(running.url + "/identify", data={"api_key": API_KEY, "identification": "{"}, trust_env=False)
    assert broken.status_code == 400
    assert running.count() == 0


def test_neither_the_log_nor_the_repr_holds_a_secret(running: AmplitudeServer) -> None:
    post(running, [sent()])
    export(running)
    httpx.post(f"{running.url}/2/httpapi?api_key={API_KEY}&secret_key={SECRET_KEY}", content=b"{", trust_env=False)
    told = repr(running) + repr(running.requests) + repr(running.faults) + repr(vars(running.requests[-1]))
    assert API_KEY not in told and SECRET_KEY not in told
    assert [(r.method, r.path, r.status) for r in running.requests] == [
        ("POST", "/2/httpapi", 200), ("GET", "/api/2/export", 404), ("POST", "/2/httpapi", 400),
    ]  # fmt: skip
