"""The companies on which identities of the money marts are tested: worked story, example company, sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.board.choice import choose
from assets.board.close_raw import load_closes
from assets.company.load import load_company
from assets.company.raw import write_raw
from assets.finance.landing import land
from assets.finance.raw import load_raw
from assets.home import Home
from assets.warehouse import write
from pipelines.sandbox.build import SandboxPaths, build
from support.company_folder import complete_journey
from support.money_story import STORY
from support.money_world import Query, querying, run_money, world

_companies: dict[tuple[Path, str], Query] = {}


def sandbox(factory: pytest.TempPathFactory) -> SandboxPaths:
    return build(factory.getbasetemp() / "money_sandbox", "small")


def company(factory: pytest.TempPathFactory, name: str) -> Query:
    """The money marts of a company: landed, loaded and built once a session."""
    base = factory.getbasetemp()
    if name == "story":
        return world(factory, "story", STORY)
    if (base, name) not in _companies:
        folder = complete_journey() if name == "journey" else sandbox(factory).company
        home = Home(factory.mktemp(name))
        settings = load_company(folder)
        land(home, settings)
        with write(home.warehouse) as con:
            write_raw(con, settings)
            choose(settings).write(con)
            load_raw(con, home, settings, None)
            load_closes(con, home, "this-run", "models")
        run_money(factory, home.warehouse)
        _companies[base, name] = querying(home.warehouse)
    return _companies[base, name]
