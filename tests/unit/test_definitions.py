"""What Dagster loads: the same assets, checks, jobs and schedules as the snapshot says, and nothing by itself unasked.

After an intended change run `PYTHONPATH=.:tests python tests/unit/test_definitions.py`, and read the snapshot's diff.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import World

from assets import keys
from pipelines.assembly import build_definitions
from support.line import ROOT, settings_for

SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")


def described(defs: dg.Definitions) -> dict[str, Any]:
    """Assets with group, kinds, owners, upstream and checks; jobs; schedules; sensors."""
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.path):
        node = graph.get(key)
        if node.is_materializable:
            assets[key.to_user_string()] = {
                "group": node.group_name,
                "owners": sorted(node.owners),
                "kinds": sorted(node.kinds),
                "upstream": sorted(parent.to_user_string() for parent in node.parent_keys),
                "checks": sorted(check.name for check in node.check_keys),
            }
    return {
        "assets": assets,
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_definitions_are_those_of_the_snapshot(world: World) -> None:
    found = described(build_definitions(settings_for(world.home, world.company)))
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8")), "run this file to write the snapshot again"


def test_every_asset_has_a_group_an_owner_and_a_description(world: World) -> None:
    graph = build_definitions(settings_for(world.home, world.company)).get_repository_def().asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if node.is_materializable:
            assert node.group_name != "default", key
            assert node.owners, key
            assert node.description, key


def test_release_comes_after_the_checks_and_the_checks_after_every_mart(world: World) -> None:
    graph = build_definitions(settings_for(world.home, world.company)).get_repository_def().asset_graph
    assert graph.get(keys.RELEASE).parent_keys == {keys.CHECK_RESULTS}
    marts = {key for key in graph.get_all_asset_keys() if key.path[0] == "marts"}
    assert marts <= graph.get(keys.CHECK_RESULTS).parent_keys


def test_schedules_and_sensors_are_registered_only_when_asked_for(world: World) -> None:
    from dataclasses import replace

    settings = settings_for(world.home, world.company)
    off = described(build_definitions(settings))
    assert (off["schedules"], off["sensors"]) == ([], [])
    on = described(build_definitions(replace(settings, automation=True)))
    assert "daily_refresh" in on["schedules"]
    assert any(name.startswith("before_") for name in on["schedules"])
    assert on["sensors"] == ["tell_about_failed_refreshes"]


def test_upload_days_are_partitions_that_one_run_can_fill(world: World) -> None:
    node = build_definitions(settings_for(world.home, world.company)).get_repository_def().asset_graph
    asset = node.get(keys.AMPLITUDE_HOURS)
    assert asset.partitions_def is not None and "2026-10-31" in asset.partitions_def.get_partition_keys()
    assert asset.backfill_policy is not None and asset.backfill_policy.max_partitions_per_run is None


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _ask(port: int, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
    return found


@pytest.mark.timeout(200)
def test_the_ui_shows_runs_assets_and_checks_on_this_machine_only(world: World) -> None:
    port = _free_port()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LENS_", "DAGSTER_"))}
    env |= {"LENS_HOME": str(world.home), "LENS_COMPANY": str(world.company)}
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "ui", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as ui:
        try:
            runs = _wait_for(port)
            assert [run["jobName"] for run in runs["runsOrError"]["results"]].count("refresh") >= 1
            asset = runs["assetNodes"]
            assert {tuple(node["assetKey"]["path"]) for node in asset} >= {
                ("serving", "release"),
                ("lake", "amplitude_hours"),
            }
            listening = {line.split()[3] for line in _listening() if f":{port}" in line.split()[3]}
            assert all(address.startswith("127.0.0.1:") for address in listening)
        finally:
            os.killpg(ui.pid, 15)
            ui.wait(timeout=60)


def _wait_for(port: int) -> dict[str, Any]:
    query = "{ runsOrError { ... on Runs { results { jobName status } } } assetNodes { assetKey { path } } }"
    deadline = time.monotonic() + 150
    while True:
        try:
            found = _ask(port, query)
        except OSError:
            found = {}
        if found.get("assetNodes"):
            return found
        assert time.monotonic() < deadline, "the UI did not come up"
        time.sleep(1)


def _listening() -> list[str]:
    """Local TCP sockets that listen, as `ss -ltn` would print them (from the kernel's own table)."""
    lines = []
    for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        cells = row.split()
        if cells[3] == "0A":
            address, port = cells[1].split(":")
            ip = ".".join(str(int(address[i : i + 2], 16)) for i in (6, 4, 2, 0))
            lines.append(f"LISTEN 0 0 {ip}:{int(port, 16)}")
    return lines


if __name__ == "__main__":
    from support.sandbox import small_company

    with tempfile.TemporaryDirectory() as home:
        found = described(build_definitions(settings_for(Path(home), small_company().company)))
    SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
