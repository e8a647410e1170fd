"""The switches refuse what they do not know; two refreshes never run at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assets.errors import InputError
from assets.home import Home
from pipelines.lock import Busy, is_busy, refresh_lock
from pipelines.settings import load_settings


def test_defaults_are_the_sandbox_company_the_local_engine_and_nothing_that_runs_by_itself(tmp_path: Path) -> None:
    settings = load_settings({"LENS_HOME": str(tmp_path)})
    assert settings.is_sandbox
    assert settings.company == tmp_path / "sandbox" / "demo" / "company"
    assert (settings.profile, settings.automation) == ("local", False)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"LENS_AUTOMATION": "yes"}, ["LENS_AUTOMATION is 'yes'", "off, on"]),
        ({"LENS_PROFILE": "spork"}, ["LENS_PROFILE is 'spork'", "local"]),
        ({"LENS_COMPNAY": "x"}, ["unknown setting LENS_COMPNAY", "LENS_COMPANY"]),
    ],
)
def test_an_unknown_switch_is_refused_with_the_known_ones(env: dict[str, str], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_settings(env)
    assert all(word in str(caught.value) for word in words)


_HOLD = """
import sys
from pathlib import Path
from assets.home import Home
from pipelines.lock import refresh_lock
with refresh_lock(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_refresh_is_told_who_runs_and_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path)
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as other:
        assert other.stdout is not None and other.stdout.readline().strip() == "held"
        with pytest.raises(Busy) as caught, refresh_lock(home):
            pass
        assert f"process {other.pid}" in str(caught.value)
        assert "wait until it has ended" in str(caught.value)
        assert str(other.pid) in (is_busy(home) or "")
        other.kill()
        other.wait()
    assert is_busy(home) is None, "the system lets go of a dead process's lock"
    with refresh_lock(home):
        pass
