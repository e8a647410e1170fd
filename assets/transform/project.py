"""The dbt project: where it is, its manifest, and the environment its profile reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

from assets.company.fingerprint import code_fingerprint
from assets.errors import InputError
from assets.home import Home

# Beside this Python, so that nothing depends on an activated environment.
DBT = str(Path(sys.executable).with_name("dbt"))
ROOT = Path(__file__).resolve().parents[2]
PROJECT_DIR = ROOT / "dbt_project"
# What grows from refresh to refresh without a new finance delivery or a change of settings.
_EVENT_SOURCES = {"amplitude", "quality"}
_MODEL_FOLDERS = ["models", "macros", "tests"]


def project_hash() -> str:
    """Hash of the models and macros: the marts are rebuilt when it changes."""
    return code_fingerprint([PROJECT_DIR / name for name in _MODEL_FOLDERS])


def export_environment(home: Home) -> None:
    """Set the variables that profiles.yml reads, for the dbt processes this one starts."""
    os.environ["LENS_WAREHOUSE"] = str(home.warehouse)
    os.environ["DBT_LOG_PATH"] = str(home.logs / "dbt")
    os.environ["DO_NOT_TRACK"] = "1"


def run_target(home: Home, run_id: str) -> Path:
    """The folder for the artifacts of one dbt run, with what parsing found before: seconds of parsing saved."""
    target = home.dbt_target / "runs" / run_id
    target.mkdir(parents=True, exist_ok=True)
    parsed = home.dbt_target / "partial_parse.msgpack"
    if parsed.exists():
        shutil.copy(parsed, target)
    return target


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


def unreached_by_events(manifest: Path) -> list[str]:
    """Models that depend on finance and settings only, parents first: without a change there, they stay as they are."""
    graph = json.loads(manifest.read_text(encoding="utf-8"))
    reached, todo = set(), [key for key, source in graph["sources"].items() if source["source_name"] in _EVENT_SOURCES]
    while todo:
        key = todo.pop()
        if key not in reached:
            reached.add(key)
            todo += graph["child_map"].get(key, [])
    models = {key: node for key, node in graph["nodes"].items() if node["resource_type"] == "model"}
    parents = {key: graph["parent_map"].get(key, []) for key in models if key not in reached}
    return [models[key]["name"] for key in TopologicalSorter(parents).static_order() if key in models]
