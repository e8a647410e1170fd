"""`lens sandbox serve`: the local server in the foreground, with keys that are made once and kept in its store."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from rich.console import Console

from assets.home import Home
from pipelines.sandbox.server.server import AmplitudeServer

_NAMES = ("AMPLITUDE_API_KEY", "AMPLITUDE_SECRET_KEY")


def default_store(home: Home) -> Path:
    """Where the sandbox's Amplitude keeps what it was sent."""
    return home.sandbox / "amplitude"


def server_keys(store: Path) -> tuple[str, str]:
    """Api key and secret key of a store, made at first use; only its owner can read their file."""
    path = keys_file(store)
    if not path.exists():
        store.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        content = "".join(f"{name}={secrets.token_hex(16)}\n" for name in _NAMES)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(content)
        temporary.replace(path)
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    values = {name.strip(): value.strip() for name, _, value in lines}
    return values[_NAMES[0]], values[_NAMES[1]]


def keys_file(store: Path) -> Path:
    """The file that holds the keys, written like a company folder's ``.env``."""
    return store / "keys.env"


def serve(store: Path, port: int, console: Console, until: threading.Event | None = None) -> None:
    """Serve until Ctrl+C (or ``until``). Tells the address and where the keys are, never the keys."""
    api_key, secret_key = server_keys(store)
    with AmplitudeServer(store, api_key=api_key, secret_key=secret_key, port=port) as server:
        console.print(f"Amplitude on this machine: [bold]{server.url}[/]  (Ctrl+C ends it)", soft_wrap=True)
        console.print(f"events: {server.count():,} in {store}", soft_wrap=True)
        console.print(f"keys:   {keys_file(store)}", soft_wrap=True)
        try:
            (until or threading.Event()).wait()
        except KeyboardInterrupt:
            console.print(f"ended; the store holds {server.count()} event(s)")
