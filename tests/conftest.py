"""What the whole session shares: one small sandbox company, refreshed once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class World:
    """A company folder and the home it was refreshed into. Shared: copy before changing."""

    company: Path
    home: Path

    def copy(self, folder: Path) -> World:
        """Both, copied: a company that can be changed and a home that knows the state before."""
        shutil.copytree(self.company.parent, folder / "sandbox")
        shutil.copytree(self.home, folder / "home", symlinks=True)
        return World(folder / "sandbox" / "company", folder / "home")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small sandbox company after one refresh of everything."""
    from support.line import refresh
    from support.sandbox import small_company

    root = tmp_path_factory.mktemp("world")
    shutil.copytree(small_company().root, root / "sandbox")
    built = World(root / "sandbox" / "company", root / "home")
    outcome = refresh(built.home, built.company)
    assert outcome.code == 0, outcome.message
    return built
