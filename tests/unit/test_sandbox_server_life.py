"""The local server's life: restarts, kills, one owner a store, this machine only, its command line."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from assets.errors import InputError
from pipelines.sandbox.server import AmplitudeServer, Fault
from pipelines.sandbox.server.serve import keys_file, serve, server_keys
from support.amplitude_server import (
    API_KEY,
    AUTH,
    HOUR,
    NOW,
    Clock,
    export,
    get,
    hour_file,
    post,
    rows,
    sent,
    server,
    settles,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running(tmp_path: Path, clock: Clock) -> Iterator[AmplitudeServer]:
    with server(tmp_path, clock) as started:
        yield started


def test_a_restart_keeps_everything(tmp_path: Path, clock: Clock) -> None:
    with server(tmp_path, clock) as running:
        running.seed(NOW - 5 * HOUR, 0, hour_file(NOW - 5 * HOUR, 5), 5)
        post(running, [sent(n, user_id=None) for n in range(5)])
        note = {"label": "Launch", "start": "2026-03-01"}
        assert httpx.post(running.url + "/api/3/annotations", json=note, auth=AUTH, trust_env=False).status_code == 200
        clock.now += 4 * HOUR
        before = export(running, NOW - 5 * HOUR, NOW).content
        post(running, [sent(50)])  # still waiting in the database
    with server(tmp_path, clock) as running:
        assert running.count() == 11
        assert export(running, NOW - 5 * HOUR, NOW).content == before
        assert len(get(running, "/api/3/annotations").json()["data"]) == 1
        post(running, [sent(50), sent(0, user_id=None), sent(60, user_id="user-z", device_id="device-0")])
        assert running.count() == 12  # two repeats, known over the restart
        clock.now += 4 * HOUR
        told = [row for row in rows(export(running, NOW + 4 * HOUR)) if "merged_amplitude_id" in row["data"]]
        assert len(told) == 1


_CHILD = """
import sys
from pathlib import Path
from support.amplitude_server import Clock, server
running = server(Path(sys.argv[1]))
running.start()
print(running.url, flush=True)
sys.stdin.read()
"""


def test_a_killed_server_has_everything_it_said_yes_to(tmp_path: Path, clock: Clock) -> None:
    accepted = 0
    for round_number in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        )  # fmt: skip
        assert child.stdout and child.stdin
        url = child.stdout.readline().strip()
        for n in range(4):
            number = round_number * 100 + n * 10
            body = {"api_key": API_KEY, "events": [sent(number + i) for i in range(10)]}
            accepted += httpx.post(url + "/2/httpapi", json=body, trust_env=False).json()["events_ingested"]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    with server(tmp_path, clock) as running:
        clock.now += 4 * HOUR
        assert running.count() == accepted == 120
        assert len({row["uuid"] for row in rows(export(running))}) == 120


def test_two_servers_cannot_share_a_store(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        with pytest.raises(InputError, match="the other server"):
            server(tmp_path)
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(InputError, match="another port"):
            server(tmp_path / "elsewhere", port=port).start()


def test_it_listens_on_this_machine_only(running: AmplitudeServer) -> None:
    port = int(running.url.rpartition(":")[2])
    assert running.url.startswith("http://127.0.0.1:")
    for address in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not str(address).startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((str(address), port), timeout=1).close()


def test_closing_ends_open_connections_and_hanging_requests(tmp_path: Path) -> None:
    running = server(tmp_path)
    running.start()
    running.faults.add(Fault("/api/3/annotations", "hang", seconds=60))
    with httpx.Client(trust_env=False) as client:
        assert client.get(running.url + "/api/2/export").status_code == 401  # kept alive
        hanging = threading.Thread(target=_hangs, args=(running.url,))
        hanging.start()
        assert settles(lambda: bool(running.faults.struck))
        start = time.monotonic()
        running.close()
        assert time.monotonic() - start < 5
    hanging.join()
    running.close()


def _hangs(url: str) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(url + "/api/3/annotations", trust_env=False, timeout=30)


def test_serve_tells_where_and_keeps_its_keys_to_itself(tmp_path: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "out.txt"
    done = threading.Event()
    done.set()
    with out.open("w") as stream:
        serve(store, 0, Console(file=stream, width=200), done)
    keys = server_keys(store)
    said = out.read_text()
    assert "http://127.0.0.1:" in said and str(keys_file(store)) in said
    assert not any(key in said for key in keys) and len(set(keys)) == 2
    assert stat.S_IMODE(keys_file(store).stat().st_mode) == 0o600


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_serves_until_it_is_told_to_end(tmp_path: Path, how: signal.Signals) -> None:
    # A shell starts what runs in the background with SIGINT ignored, and that is inherited: a terminal does not.
    as_in_a_terminal = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    call = as_in_a_terminal + "from pipelines.cli import main; main()"
    command = [sys.executable, "-c", call, "sandbox", "serve", "--port", "0", "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        line = child.stdout.readline()
        url = line.split()[4]
        api_key, secret_key = server_keys(tmp_path / "store")
        body = {"api_key": api_key, "events": [sent()]}
        assert httpx.post(url + "/2/httpapi", json=body, trust_env=False).status_code == 200
        assert httpx.get(url + "/api/3/annotations", auth=(api_key, secret_key), trust_env=False).status_code == 200
        child.send_signal(how)
        rest = child.stdout.read()
        assert child.wait(timeout=10) == 0
    assert "holds 1 event" in rest
    assert api_key not in line + rest and secret_key not in line + rest
