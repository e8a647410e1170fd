"""Merge facts: what they resolve to, whatever their order, and how they come from events and merge files."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.amplitude.identity import APPLIED, CYCLE, SECOND_SURVIVOR, MergeFact, resolve
from assets.amplitude.landing import plan
from assets.home import Home
from support.export_archive import DAY, company, event, landed, lines, name, packed, query, stamp
from support.export_archive import write_loose as loose
from support.export_archive import write_zip as zipped

HOUR = timedelta(hours=1)
MERGES = "SELECT amplitude_id, survivor FROM raw.amplitude_merges ORDER BY ALL"
FACTS = st.lists(st.builds(MergeFact, st.integers(0, 5), st.integers(1, 8), st.integers(1, 8)), max_size=14)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_chains_are_followed_to_their_end() -> None:
    found = resolve([MergeFact(3, 3, 4), MergeFact(1, 1, 2), MergeFact(2, 2, 3)])
    assert found.survivors == {1: 4, 2: 4, 3: 4}
    assert {verdict for _, verdict in found.verdicts} == {APPLIED}


def test_a_circle_stays_open_where_it_would_close_last() -> None:
    found = resolve([MergeFact(3, 3, 1), MergeFact(2, 2, 3), MergeFact(1, 1, 2), MergeFact(4, 7, 7)])
    assert found.survivors == {1: 3, 2: 3}
    assert dict(found.verdicts)[MergeFact(3, 3, 1)] == CYCLE
    assert dict(found.verdicts)[MergeFact(4, 7, 7)] == CYCLE


def test_the_first_of_two_survivors_stands_unless_both_are_one() -> None:
    second = MergeFact(2, 1, 3)
    found = resolve([second, MergeFact(1, 1, 2)])
    assert (found.survivors, dict(found.verdicts)[second]) == ({1: 2}, SECOND_SURVIVOR)
    found = resolve([second, MergeFact(1, 1, 2), MergeFact(3, 3, 2)])
    assert (found.survivors, dict(found.verdicts)[second]) == ({1: 2, 3: 2}, APPLIED)


@given(FACTS, st.randoms(use_true_random=False))
def test_the_outcome_depends_on_the_set_of_facts_alone(facts: list[MergeFact], rng: random.Random) -> None:
    found = resolve(facts)
    again = facts + rng.sample(facts, len(facts) // 2)
    rng.shuffle(again)
    assert resolve(again) == found
    assert not set(found.survivors.values()) & found.survivors.keys(), "a survivor was merged away itself"
    of = {n: found.survivors.get(n, n) for n in range(1, 9)}
    for fact, verdict in found.verdicts:
        assert verdict != APPLIED or of[fact.amplitude_id] == of[fact.survivor]
    joined: dict[int, int] = {n: n for n in range(1, 9)}  # and nothing is joined but by an applied fact
    for fact, verdict in found.verdicts:
        if verdict == APPLIED:
            old, new = joined[fact.amplitude_id], joined[fact.survivor]
            joined = {n: new if root == old else root for n, root in joined.items()}
    assert all((of[a] == of[b]) == (joined[a] == joined[b]) for a in of for b in of)


def _merge(away: Any, survivor: Any, at: datetime = DAY) -> dict[str, Any]:
    times = {"merge_time": stamp(at), "merge_server_time": stamp(at)}
    return {**times, "amplitude_id": away, "merged_amplitude_id": survivor}


def _file(hour: datetime) -> str:
    return f"-Org_{hour:%Y-%m-%d}_{hour.hour}.json.gz"


def test_events_tell_merges_and_a_replaced_hour_takes_its_facts_along(tmp_path: Path, home: Home) -> None:
    customer, hours = company(tmp_path), [DAY, DAY + HOUR]
    told = event(DAY, 1, amplitude_id=10, data={"path": "/2/httpapi", "merged_amplitude_id": 20})
    other = event(DAY + HOUR, 2, amplitude_id=20, data={"merged_amplitude_id": "30"})
    zipped(tmp_path / "events/a.zip", {name(DAY): lines([told, event(DAY, 3)]), name(hours[1]): lines([other])})
    landed(home, customer)
    assert query(home, MERGES) == [(10, 30), (20, 30)]
    assert query(home, MERGES, until=date(2025, 3, 2)) == []
    zipped(tmp_path / "events/a.zip", {name(DAY): lines([event(DAY, 3)]), name(hours[1]): lines([other])})
    landed(home, customer)
    assert query(home, MERGES) == [(20, 30)]
    assert query(home, "SELECT verdict, merged_at FROM raw.amplitude_merge_facts") == [
        (APPLIED, hours[1] + timedelta(seconds=2))
    ]


def test_merge_files_are_landed_loose_and_zipped_once_each(tmp_path: Path, home: Home) -> None:
    customer, events = company(tmp_path), tmp_path / "events"
    loose(events, name(DAY + 5 * HOUR), lines([event(DAY + 5 * HOUR)]))
    content = lines([_merge(1, 2), _merge("3", 4, DAY + HOUR)])
    loose(events / "org", _file(DAY), content)
    landed(home, customer)
    assert query(home, MERGES) == [(1, 2), (3, 4)]
    zipped(events / "b.zip", {_file(DAY): content, _file(DAY + HOUR): lines([_merge(2, 3)])})
    assert plan(home, customer).merge_files == 1, "the copy in the zip is known"
    landed(home, customer)
    assert query(home, MERGES) == [(1, 4), (2, 4), (3, 4)]
    assert plan(home, customer).is_empty
    (events / "org" / _file(DAY)).unlink()
    (events / "b.zip").unlink()
    landed(home, customer)
    assert query(home, MERGES) == [(1, 4), (2, 4), (3, 4)], "what left the folder stays landed"
    loose(events, _file(DAY), lines([_merge(1, 9)]))
    landed(home, customer)
    assert query(home, MERGES) == [(1, 9), (2, 3)], "a newer file of the same name replaces it"


def test_bad_merge_lines_are_quarantined_and_the_rest_lands(tmp_path: Path, home: Home) -> None:
    customer, events = company(tmp_path), tmp_path / "events"
    loose(events, name(DAY), lines([event(DAY)]))
    bad = b'{"amplitude_id": 5}\n\nnot json\n[1]\n' + json.dumps(_merge(True, 2)).encode() + b"\n"
    bad += b"[" * 100_000 + b"\n"  # nested without end
    loose(events, _file(DAY), lines([_merge(1, 2)]) + bad + json.dumps(_merge(2, 3)).encode())
    (events / _file(DAY + HOUR)).write_bytes(packed(lines([_merge(7, 8)]))[:-9])
    landed(home, customer)
    assert query(home, MERGES) == [(1, 3), (2, 3)]
    found = query(home, "SELECT row_ref, reason FROM quality.quarantine WHERE table_name = 'merges' ORDER BY ALL")
    assert found == [(f"{_file(DAY)}:{n}", "bad_merge") for n in (2, 4, 5, 6, 7)], "later hours are not due yet"
    loose(events, name(DAY + HOUR), lines([event(DAY + HOUR)]))
    landed(home, customer)
    found = query(home, "SELECT row_ref, reason FROM quality.quarantine WHERE table_name = 'merges' ORDER BY ALL")
    assert found[-1] == (_file(DAY + HOUR), "corrupt_gzip")
