"""Scripted faults of the local Amplitude server, as a client sees them."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.sandbox.server import AmplitudeServer, Fault
from support.amplitude_server import HOUR, NOW, Clock, export, get, hour_file, members, post, sent, server

READY = NOW - 4 * HOUR
EXPORT = "/api/2/export"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[AmplitudeServer]:
    with server(tmp_path, Clock()) as started:
        for hours in range(3):
            hour = READY - hours * HOUR
            started.seed(hour, 0, hour_file(hour, 50), 50)
        yield started


def is_well(running: AmplitudeServer) -> bool:
    """The server is as before: the fault befell one request."""
    return len(members(export(running, READY - 2 * HOUR, READY))) == 3 and running.faults.left == 0


def test_429_with_and_without_retry_after(running: AmplitudeServer) -> None:
    running.faults.add(Fault(EXPORT, status=429, retry_after=1), Fault(EXPORT, status=429))
    first, second = export(running, READY), export(running, READY)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert (second.status_code, second.headers.get("Retry-After")) == (429, None)
    assert is_well(running)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors(running: AmplitudeServer, status: int) -> None:
    running.faults.add(Fault(EXPORT, status=status, times=2))
    assert [export(running, READY).status_code for _ in range(3)] == [status, status, 200]
    assert is_well(running)


def test_over_size_for_windows_longer_than_an_hour(running: AmplitudeServer) -> None:
    running.faults.add(Fault(EXPORT, status=400, times=None, when=lambda _, __, query: query["start"] != query["end"]))
    refused = export(running, READY - HOUR, READY)
    assert (refused.status_code, "4 GB" in refused.text) == (400, True)
    assert export(running, READY).status_code == 200
    running.faults.clear()
    assert is_well(running)


def test_faults_befall_requests_in_the_order_of_the_script(running: AmplitudeServer) -> None:
    running.faults.add(
        Fault("/api/3/annotations", status=500),
        Fault(EXPORT, status=503, body="first"),
        Fault(EXPORT, status=504, method="POST"),
        Fault(EXPORT, status=502, body={"error": "second"}),
    )
    assert [export(running, READY).text for _ in range(2)] == ["first", '{"error": "second"}']
    assert get(running, "/api/3/annotations").status_code == 500
    assert [fault.status for fault in running.faults.struck] == [503, 502, 500]
    assert running.faults.left == 1
    assert [request.status for request in running.requests] == [503, 502, 500]


def test_a_hang_outlasts_a_reader_and_ends(running: AmplitudeServer) -> None:
    window = {"start": f"{READY:%Y%m%dT%H}", "end": f"{READY:%Y%m%dT%H}"}
    running.faults.add(Fault(EXPORT, "hang", seconds=0.5, times=2))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(running.url + EXPORT, params=window, timeout=0.1, trust_env=False)
    start = time.monotonic()
    assert export(running, READY).status_code == 200
    assert time.monotonic() - start >= 0.5
    assert is_well(running)


def test_a_reset_breaks_the_connection_in_the_middle_of_the_body(running: AmplitudeServer) -> None:
    running.faults.add(Fault(EXPORT, "reset"))
    with pytest.raises(httpx.ReadError):
        export(running, READY)
    assert is_well(running)


def test_a_short_body_ends_before_its_length(running: AmplitudeServer) -> None:
    running.faults.add(Fault(EXPORT, "short"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        export(running, READY)
    assert is_well(running)


def test_a_corrupt_zip_differs_in_one_byte_that_its_crc_finds(running: AmplitudeServer) -> None:
    whole = export(running, READY - 2 * HOUR, READY).content
    running.faults.add(Fault(EXPORT, "corrupt"))
    damaged = export(running, READY - 2 * HOUR, READY).content
    assert len(damaged) == len(whole) and sum(a != b for a, b in zip(whole, damaged, strict=True)) == 1
    with zipfile.ZipFile(io.BytesIO(damaged)) as archive:
        assert archive.testzip() is not None
    assert is_well(running)


def test_a_truncated_zip_has_the_length_it_says(running: AmplitudeServer) -> None:
    running.faults.add(Fault(EXPORT, "truncated"))
    cut = export(running, READY)
    assert (cut.status_code, int(cut.headers["Content-Length"])) == (200, len(cut.content))
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(cut.content))
    assert is_well(running)


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_names_another_host(running: AmplitudeServer, status: int) -> None:
    running.faults.add(Fault(EXPORT, "redirect", status=status, location="http://localhost:9/elsewhere"))
    answer = export(running, READY)
    assert (answer.status_code, answer.headers["Location"]) == (status, "http://localhost:9/elsewhere")
    assert is_well(running)


def test_ingestion_faults_speak_its_language(running: AmplitudeServer) -> None:
    throttled = {"code": 429, "error": "Too many requests", "throttled_users": {"user-0": 31}, "throttled_events": [0]}
    running.faults.add(
        Fault("/2/httpapi", status=503), Fault("/2/httpapi", status=429, body=throttled), Fault("/batch", "short")
    )
    assert post(running, [sent()]).json() == {"code": 503, "error": "Service unavailable"}
    assert post(running, [sent()]).json() == throttled
    before = running.count()
    with pytest.raises(httpx.RemoteProtocolError):
        post(running, [sent()], "/batch")
    assert running.count() == before + 1  # it was taken in; only the answer was lost


def test_a_fault_that_could_not_happen_is_refused() -> None:
    for wrong in ({"kind": "status"}, {"kind": "status", "status": 200}, {"kind": "hang"}, {"kind": "redirect"}):
        with pytest.raises(ValueError, match="a fault of kind"):
            Fault(EXPORT, **wrong)  # type: ignore[arg-type]
