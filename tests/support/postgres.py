"""A real PostgreSQL server for a test: from Debian's package, in a temporary folder, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "p@ss/w:rd%1"
_QUICK = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=10", "jit=off"]


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    return pytest.skip("no PostgreSQL server here: apt-get install postgresql")


@contextmanager
def postgres() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database. As root the server runs as another user: initdb refuses root."""
    binaries = _binaries()
    user = "postgres" if os.geteuid() == 0 else None
    as_user = ["runuser", "-u", user, "--"] if user else []
    # Directly below the system's temporary folder: pytest's own are closed to other users, sockets need short paths.
    folder = Path(tempfile.mkdtemp(prefix="lens-pg-"))
    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        secret = folder / "secret"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        data = folder / "data"
        init = [*as_user, binaries / "initdb", "-D", data, "-U", "lens", "-A", "scram-sha-256", "--no-sync"]
        _run([*init, "--pwfile", secret, "-E", "UTF8", "--locale", "C"], folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 " + " ".join(f"-c {o}" for o in _QUICK)
        control = [*as_user, binaries / "pg_ctl", "-D", data, "-w"]
        _run([*control, "-o", options, "-l", folder / "log", "start"], folder)
        try:
            yield f"postgresql+psycopg://lens:p%40ss%2Fw%3Ard%251@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
