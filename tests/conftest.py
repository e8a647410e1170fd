"""What the whole session shares: one small sandbox company, refreshed once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.once import made_once


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
    root = made_once(tmp_path_factory, "world", _make_world)
    return World(root / "sandbox" / "company", root / "home")


def _make_world(root: Path) -> None:
    from support.line import refresh
    from support.sandbox import small_company

    shutil.copytree(small_company().root, root / "sandbox")
    outcome = refresh(root / "home", root / "sandbox" / "company")
    assert outcome.code == 0, outcome.message
