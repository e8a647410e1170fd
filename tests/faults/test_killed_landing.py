"""A landing killed at any point, then run again, ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude import ledger
from assets.home import Home
from support.export_archive import (
    DAY,
    company,
    event,
    files_of,
    lake,
    landed,
    lines,
    name,
    query,
    sent_at,
    write_loose,
)
from support.killing import run_child

HOUR = timedelta(hours=1)
QUARANTINE = "SELECT row_ref, reason FROM quality.quarantine ORDER BY row_ref"

_CHILD = """
import sys
from pathlib import Path
from support.export_archive import company, landed
from assets.amplitude import commit, compaction, convert, land_unit, landing, ledger
from assets.home import Home
from support.killing import Steps

fragile = Steps(int(sys.argv[2])).fragile

for module in (commit, compaction, land_unit):
    fragile(module, "make_durable")
fragile(ledger.Ledger, "add_segment")
fragile(ledger.Ledger, "touch")
fragile(landing, "settle")
fragile(landing, "compact")
folder = Path(sys.argv[1])
landed(Home(folder / "home"), company(folder))
"""


def _story(folder: Path) -> None:
    """A first landing of two days, then files that replace, repeat and complete them."""
    same: dict[str, Any] = {"insert_id": "i", "device_id": "d"}
    customer, home = company(folder), Home(folder / "home")
    for n in (0, 1, 5, 30):
        hour = DAY + n * HOUR
        body = lines([*(event(hour, i) for i in range(20)), event(hour, 90, **same, **sent_at(hour))])
        write_loose(folder / "events", name(hour), body)
    landed(home, customer)
    for n in (1, 2, 3, 24):
        hour = DAY + n * HOUR
        body = lines([*(event(hour, i) for i in range(7)), event(hour, 91, **same, **sent_at(hour))]) + b"{\n"
        write_loose(folder / "events", name(hour, 1), body)


@pytest.mark.parametrize("point", [2, 5, 7, 10, 14, 18, 21, 24, 27, 29])
def test_killed_at_any_point_a_rerun_ends_as_if_undisturbed(tmp_path: Path, point: int) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        _story(folder)
    landed(Home(calm / "home"), company(calm))
    assert run_child(_CHILD, killed, point) == -signal.SIGKILL
    home, customer = Home(killed / "home"), company(killed)
    landed(home, customer)
    assert lake(home) == lake(Home(calm / "home"))
    assert query(home, QUARANTINE) == query(Home(calm / "home"), QUARANTINE)
    landed(home, customer)  # sweeps what the crash left
    with ledger.Ledger.open(home) as book:
        assert {f.relative_to(home.amplitude_lake).as_posix() for f in files_of(home)} <= book.files()
    assert not (home.amplitude_lake / "scratch").exists()


def test_a_ledger_whose_writer_was_killed_half_way_can_be_read(tmp_path: Path) -> None:
    """Only a writer may undo what a killed one left in the file; whoever reads first must not fail over it."""
    home = Home(tmp_path)
    with ledger.Ledger.open(home) as kept:
        kept.set_meta("safe_hour", "1")
    child = os.fork()
    if child == 0:
        with ledger.Ledger.open(home) as kept, kept.transaction():
            kept.con.execute("PRAGMA cache_size = 1")  # so that changed pages reach the file before the commit
            kept.set_meta("safe_hour", "2")
            rows = [(f"{number:09}", number, number) for number in range(1_000)]
            kept.con.executemany("INSERT INTO archives VALUES (?, ?, ?)", rows)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert home.ledger.with_name(home.ledger.name + "-journal").stat().st_size
    with ledger.Ledger.open_read_only(home) as kept:
        assert (kept.meta("safe_hour"), kept.archives()) == ("1", {})
