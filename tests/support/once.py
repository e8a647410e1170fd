"""What is dear to make and only read afterwards is made once a session, by whichever test process comes first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of the session: pytest-xdist gives each worker a folder of its own below it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """``make`` fills the folder ``name``; the others wait for it. One that failed is not tried again by others."""
    folder = shared_folder(factory) / name
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, failed = folder.parent / f"{name}.done", folder.parent / f"{name}.failed"
        if failed.exists():
            raise RuntimeError(f"{name} could not be made; the first test that needed it says why")
        if not done.exists():
            failed.touch()
            folder.mkdir()
            make(folder)
            failed.rename(done)
    return folder
