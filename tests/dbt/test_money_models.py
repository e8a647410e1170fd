"""The money models as dbt itself builds them: contracts enforced, data tests and unit tests passing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.warehouse import write
from support.money_story import STORY
from support.money_world import MARTS, PROJECT, contents, querying, world
from support.raw_money import COMPANY, fill


def test_dbt_builds_what_the_examples_are_proven_on(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with write(warehouse) as con:
        fill(con, {"company": [COMPANY], **STORY})
    done = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "build", "--quiet", "--select", *MARTS,
         "--indirect-selection", "cautious", "--project-dir", PROJECT, "--profiles-dir", PROJECT,
         "--target-path", tmp_path / "target", "--log-path", tmp_path / "logs"],
        env=os.environ | {"LENS_WAREHOUSE": str(warehouse)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(querying(warehouse)) == contents(world(tmp_path_factory, "story", STORY))
