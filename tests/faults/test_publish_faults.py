"""A crash at any point of publishing: readers keep a whole release, leftovers go, the next publish succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets import durable
from assets.durable import sha256_of
from assets.errors import InputError
from assets.home import Home
from assets.serving import database
from assets.serving import release as releases
from assets.serving.manifest import Release
from assets.serving.release import current, list_releases, publish, rollback
from assets.serving.snapshot import ReleaseError
from support.release_home import DOCS, GOOD, MARTS, Judged, fill, meta, publish_step, published

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lens")


class PowerCut(BaseException):
    """Not an Exception: nothing may catch it and tidy up, as after a real crash."""


def fails_at_call(number: int, real: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter(range(1, 1000))

    def fake(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == number:
            raise PowerCut
        return real(*args, **kwargs)

    return fake


def whole(home: Home, step: int) -> None:
    """The current release reads as step ``step`` in every file and matches its manifest."""
    release = current(home)
    assert release is not None
    assert published(home.current / "product_lens.duckdb", "SELECT min(arr) FROM marts.fct_arr_month") == [
        (100 + step,)
    ]
    for name, entry in release.manifest.files.items():
        assert sha256_of(release.path / name) == entry["sha256"]


def leftovers(home: Home) -> list[str]:
    return sorted(
        path.name for folder in (home.serving, home.releases) for path in folder.iterdir() if ".tmp-" in path.name
    )


CRASHES = [
    ("database._copy", 1),
    ("database._put", 2),
    ("database._comment", 2),
    ("database._write_parquet", 3),
    ("database._read_back", 1),
    ("durable.sha256_of", 3),
    ("durable.sync", 1),
    ("durable.sync", 7),
    ("Path.replace", 1),
    ("durable.sync", 8),
    ("releases._point_current_at", 1),
    ("Path.replace", 2),
]


@pytest.mark.parametrize(("where", "call"), CRASHES)
def test_a_crash_before_the_swap_leaves_the_former_release(
    home: Home, monkeypatch: pytest.MonkeyPatch, where: str, call: int
) -> None:
    publish_step(home, 0)
    owner: Any = {"database": database, "durable": durable, "releases": releases, "Path": Path}[where.split(".")[0]]
    name = where.rsplit(".", 1)[1]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails_at_call(call, getattr(owner, name)))
        with pytest.raises(PowerCut):
            publish_step(home, 1)
    whole(home, 0)
    publish_step(home, 2)
    whole(home, 2)
    assert leftovers(home) == []


def test_a_crash_after_the_swap_leaves_the_new_release(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(5):
        publish_step(home, step)
    with monkeypatch.context() as patch:
        patch.setattr(releases.shutil, "rmtree", fails_at_call(1, releases.shutil.rmtree))
        with pytest.raises(PowerCut):
            publish_step(home, 5)
    whole(home, 5)
    assert len(leftovers(home)) == 1 and len(list_releases(home)) == 5
    publish_step(home, 6)
    whole(home, 6)
    assert leftovers(home) == []


KILLED = """
import sys
from pathlib import Path
from support.release_home import publish_step
from assets.home import Home
home = Home(Path(sys.argv[1]))
print("ready", flush=True)
for step in range(1, 1000):
    publish_step(home, step)
"""


@pytest.mark.parametrize("round_", range(3))
def test_kill_9_leaves_a_whole_release_and_the_next_publish_succeeds(home: Home, round_: int) -> None:
    publish_step(home, 0)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(home.root)], env=env, stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    time.sleep((0.05, 0.2, 0.5)[round_])
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=30)
    child.stdout.close()
    found = current(home)
    assert found is not None
    whole(home, int(found.manifest.run_id.removeprefix("run-")))
    publish_step(home, 2000)
    whole(home, 2000)
    assert leftovers(home) == []
    rollback(home)


def test_readers_never_see_half_a_release(home: Home) -> None:
    """A reader that follows the link once always finds a database and a manifest of one release."""
    publish_step(home, 0)
    seen: list[tuple[int, int]] = []
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            folder = home.current.resolve()
            step = int(releases.read_manifest(folder).run_id.removeprefix("run-"))
            arr = published(folder / "product_lens.duckdb", "SELECT min(arr)::BIGINT FROM marts.fct_arr_month")[0][0]
            if arr != 100 + step:
                wrong.append(f"{folder.name}: {arr}")
            seen.append((step, len(seen)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for step in range(1, 4):
            publish_step(home, step)
    finally:
        done.set()
        reader.join(timeout=30)
    assert not wrong and seen and not reader.is_alive()


def test_a_full_disk_is_an_error_and_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_step(home, 0)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", full)
        with pytest.raises(OSError, match="No space left"):
            publish_step(home, 1)
    whole(home, 0)
    publish_step(home, 2)
    assert leftovers(home) == []


def test_rows_that_do_not_read_back_stop_the_publish(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_step(home, 0)
    real = database._write_parquet

    def spoil(con: duckdb.DuckDBPyConnection, folder: Path, table: str, base: Release | None) -> None:
        real(con, folder, table, base)
        if table == "active_usage":
            con.execute("UPDATE release.marts.active_usage SET stickiness = 0 WHERE active = 5")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_write_parquet", spoil)
        with pytest.raises(ReleaseError, match="active_usage does not read back as it was written"):
            publish_step(home, 1)
    whole(home, 0)


def test_a_damaged_release_is_not_built_upon(home: Home) -> None:
    first = publish_step(home, 0)
    with (first.path / "product_lens.duckdb").open("r+b") as file:
        file.seek(20_000)
        file.write(b"damaged")
    (first.path / "dim_launch.parquet").write_bytes(b"damaged")
    with pytest.raises(ReleaseError, match="is not the file its manifest describes"):
        publish_step(home, 1, Judged("roll_forward", "money"))
    publish_step(home, 2)
    whole(home, 2)


def test_a_broken_manifest_is_named_mended_by_a_whole_publish_and_skipped_by_rollback(home: Home) -> None:
    first, second = publish_step(home, 0), publish_step(home, 1)
    (second.path / "manifest.json").write_text('{"release_id": ')
    with pytest.raises(ReleaseError, match="is not a readable manifest; roll back or publish again"):
        current(home)
    with pytest.raises(ReleaseError, match="is not a readable manifest"):  # former tables are needed, and unknown
        publish_step(home, 2, Judged("roll_forward", "money"))
    assert rollback(home).id == first.id
    whole(home, 0)
    releases._point_current_at(home, second.path)
    publish_step(home, 3)
    whole(home, 3)


def test_a_warehouse_that_another_process_writes_is_named(home: Home) -> None:
    fill(home)
    code = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(home.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None and writer.stdout.readline() == b"open\n"
    try:
        with pytest.raises(InputError, match="open for writing in another process"):
            publish(home, MARTS, GOOD, meta(), DOCS)
    finally:
        writer.communicate(timeout=30)
    publish(home, MARTS, GOOD, meta(), DOCS)
    whole(home, 0)
    assert leftovers(home) == []
