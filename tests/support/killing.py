"""Killing a program at a chosen step of its work, as a power cut would: no clean-up, no flush."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from assets.transform.project import ROOT


class Steps:
    """In the child: a kill -9 once ``left`` ends of fragile calls have passed; a call has two, before and after."""

    def __init__(self, left: int) -> None:
        self.left = left

    def fragile(self, owner: Any, name: str) -> None:
        """Make a function of a module, or a method of a class, a place to die at."""
        whole = getattr(owner, name)

        def step(*args: Any, **kwargs: Any) -> Any:
            self._pass()
            done = whole(*args, **kwargs)
            self._pass()
            return done

        setattr(owner, name, step)

    def _pass(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def run_child(script: str, *arguments: object) -> int:
    """Run a script in a process of its own, with the tests' own modules; its exit code, -9 when it was killed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=False).returncode
