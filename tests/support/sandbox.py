"""One small sandbox company per test process. It is shared: copy the folder before changing anything in it."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.sandbox.build import SandboxPaths, build

_KEPT: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


@cache
def small_company() -> SandboxPaths:
    """The small company with the default seed."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="sandbox-"))
    return build(Path(_KEPT[-1].name) / "small", "small")


@cache
def truth_of_small() -> dict[str, Any]:
    """Its truth file."""
    document: dict[str, Any] = json.loads(small_company().truth.read_text(encoding="utf-8"))
    return document


def rows(paths: SandboxPaths, table: str) -> list[dict[str, str]]:
    """One finance table, every value as text."""
    with (paths.company / "finance" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def members(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and unpacked bytes of every member of every zip, in order."""
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, gzip.decompress(archive.read(name))


def records(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record of every member, with the member's name."""
    for name, data in members(folder):
        for line in data.splitlines():
            yield name, json.loads(line)
