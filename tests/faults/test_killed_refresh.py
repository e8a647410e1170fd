"""A refresh that is killed with -9, at whatever moment, is mended by running it again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from conftest import World

from support.line import ROOT, hashes, lens, manifest

POINTS, SEED = 10, 20261031


def _kill_after(home: Path, company: Path, seconds: float) -> bool:
    """Start a refresh and kill its whole process group; False when it had ended before."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LENS_", "DAGSTER_"))}
    env |= {"LENS_HOME": str(home), "LENS_COMPANY": str(company)}
    process = subprocess.Popen(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "refresh"],
        cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_kills_then_one_refresh_equal_an_undisturbed_one(world: World, tmp_path: Path) -> None:
    from pipelines.sandbox.extra import extra_day

    later = world.copy(tmp_path)
    undisturbed = tmp_path / "undisturbed"
    extra_day(later.company, date(2026, 11, 1), 400)
    start = time.monotonic()
    whole = lens("refresh", home=undisturbed, company=later.company)
    seconds = time.monotonic() - start
    assert whole.returncode == 0, whole.stderr

    rng = random.Random(SEED)
    first = manifest(later.home).release_id
    # Half the kills hit an incremental refresh, half a first one.
    fresh = tmp_path / "fresh"
    moments = sorted(rng.uniform(0.05, 0.98) for _ in range(POINTS))
    killed = [_kill_after(later.home if n % 2 else fresh, later.company, seconds * at) for n, at in enumerate(moments)]
    assert sum(killed) >= POINTS // 2, "the refreshes ended before they could be killed"
    assert manifest(later.home).release_id >= first, "a release stays readable whatever happens"

    for home in (later.home, fresh):
        again = lens("refresh", home=home, company=later.company)
        assert again.returncode == 0, again.stderr
        assert hashes(home) == hashes(undisturbed)
