"""The dbt project: where it is, its manifest, and the environment its profile reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from assets.company.fingerprint import code_fingerprint
from assets.errors import InputError
from assets.home import Home

# Beside this Python, so that nothing depends on an activated environment.
DBT = str(Path(sys.executable).with_name("dbt"))
ROOT = Path(__file__).resolve().parents[2]
PROJECT_DIR = ROOT / "dbt_project"
_MODEL_FOLDERS = ["models", "macros", "tests"]


def project_hash() -> str:
    """Hash of the models and macros: the marts are rebuilt when it changes."""
    return code_fingerprint([PROJECT_DIR / name for name in _MODEL_FOLDERS])


def export_environment(home: Home) -> None:
    """Set the variables that profiles.yml reads, for the dbt processes this one starts."""
    os.environ["LENS_WAREHOUSE"] = str(home.warehouse)
    os.environ["DBT_LOG_PATH"] = str(home.logs / "dbt")
    os.environ["DO_NOT_TRACK"] = "1"


def ensure_manifest(home: Home) -> Path:
    """Parse the project when its manifest is missing or older than the models; returns the manifest's path.

    Raises InputError with dbt's own words when the project does not parse.
    """
    manifest, mark = home.dbt_target / "manifest.json", home.dbt_target / "project.sha256"
    wanted = project_hash()
    if manifest.exists() and mark.exists() and mark.read_text() == wanted:
        return manifest
    export_environment(home)
    home.dbt_target.mkdir(parents=True, exist_ok=True)
    command = [DBT, "parse", "--quiet", "--target-path", str(home.dbt_target)]
    done = subprocess.run(
        [*command, "--profiles-dir", str(PROJECT_DIR)], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InputError(
            "the dbt project does not parse: " + (done.stdout or done.stderr).strip()[-2000:],
            where=PROJECT_DIR.name,
            mend="run `dbt parse` in dbt_project/ and mend what it names",
        )
    mark.write_text(wanted)
    return manifest
