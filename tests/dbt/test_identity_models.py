"""Counts are on the current identity: whose an event is follows from merges, users and devices known by now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude.identity import MergeFact, resolve
from support.identity_reference import users_of
from support.usage_loader import Loader
from support.usage_reference import Row
from support.usage_world import UsageHome, company_tables, ledger

AS_OF = "2024-03-31"


def _event(at: str, user: str | None, amplitude_id: int | None, device: str | None) -> Row:
    moment = datetime.fromisoformat(f"2024-02-{at}")
    return {
        "uuid": f"{at} {user} {amplitude_id} {device}", "occurred_at": moment, "event_type": "Report Viewed",
        "upload_hour": moment.replace(minute=0), "is_time_corrected": False, "feature_properties": {},
        "user_id": user, "amplitude_id": amplitude_id, "device_id": device, "session_id": 7,
    }  # fmt: skip


def _merges(*facts: tuple[int, int]) -> list[Row]:
    closed = resolve(MergeFact(n, *fact) for n, fact in enumerate(facts)).survivors
    return [{"amplitude_id": away, "survivor": survivor} for away, survivor in closed.items()]


# 10 was merged into 11 and 11 into 12; the fact that would close the circle is refused
CHAIN = ((10, 11), (11, 12), (12, 10))
EVENTS = [
    _event("10 17:00", None, 10, "x1"), _event("11 17:00", None, 11, "x2"), _event("12 17:00", "u1", 12, "x3"),
    # two users whose ids were merged stay two, and neither gets what is known by the merged id alone
    _event("10 18:00", "u2", 20, None), _event("11 18:00", "u3", 21, None), _event("12 18:00", None, 20, None),
    # a device without Amplitude ids: after its first user it is theirs, until the next
    _event("09 17:00", None, None, "y"), _event("10 17:30", "u4", None, "y"), _event("11 17:30", None, None, "y"),
    _event("12 14:00", None, None, "y"), _event("12 15:00", "u5", None, "y"), _event("12 16:00", None, None, "y"),
    # an account switch inside one session, all under one Amplitude id
    _event("13 14:59", None, 60, "z"), _event("13 15:00", "u6", 60, "z"), _event("13 15:01", None, 60, "z"),
    _event("13 15:02", "u7", 60, "z"), _event("13 15:03", None, 60, "z"),
    # one person in two projects, and nobody known at all
    _event("14 15:00", "u8", 80, "q1"), _event("14 16:00", "u8", 81, "q2"), _event("14 17:00", None, 81, None),
    _event("15 15:00", None, 90, "w"), _event("16 15:00", None, None, "v"), _event("17 15:00", None, None, None),
]  # fmt: skip
NEWS = _event("20 15:00", "u9", None, "v")
SECOND = _event("21 15:00", "u10", 12, "x4")


class Story:
    """One warehouse that is refreshed step by step; every step is kept as (users by event day, dates redone)."""

    def __init__(self, home: UsageHome) -> None:
        self.home, self.loader = home, Loader(home, company_tables())
        self.steps: dict[str, tuple[set[tuple[date, str, int]], set[date]]] = {}
        self._step("first", EVENTS, _merges((20, 21), *CHAIN))
        self._step("merge", [], _merges((20, 21), *CHAIN, (90, 12)))
        self._step("nothing", [], _merges((20, 21), *CHAIN, (90, 12)))
        self._step("known user", [NEWS], _merges((20, 21), *CHAIN, (90, 12)), times=2)
        self._step("second user", [SECOND], _merges((20, 21), *CHAIN, (90, 12)))
        self._step("gone", [], _merges((20, 21), *CHAIN, (90, 12)), gone=[NEWS])

    def _step(self, name: str, chunk: list[Row], merges: list[Row], **more: Any) -> None:
        self.loader.load(chunk, ledger(24), AS_OF, merges=merges, **more)
        found = self.home.query("SELECT local_date, user_key, events FROM marts.fct_user_activity_day")
        dates = self.home.query("SELECT local_date FROM intermediate.int_usage__identity_dates")
        self.steps[name] = (set(found), {day for (day,) in dates})
        assert self.steps[name][0] == self._expected(), name
        self.steps_resolved()

    def _expected(self) -> set[tuple[date, str, int]]:
        owners = users_of(self.loader.loaded, self.loader.tables["amplitude_merges"])
        days: dict[tuple[date, str], int] = {}
        for event in self.loader.loaded:
            key = (self.loader.local_date(event), owners[event["uuid"]][0])
            days[key] = days.get(key, 0) + 1
        return {(*key, count) for key, count in days.items()}

    def steps_resolved(self) -> None:
        """The report tells how every anonymous event found its user."""
        owners = users_of(self.loader.loaded, self.loader.tables["amplitude_merges"])
        by = [rule for _, rule in owners.values()]
        expected = [by.count(rule) for rule in ("amplitude_id", "merge", "device", "anonymous")]
        (found,) = self.home.query("""
            SELECT sum(stitched_by_amplitude_id), sum(stitched_by_merge), sum(stitched_by_device), sum(left_anonymous),
                sum(anonymous_events), sum(events) FROM marts.identity_report
        """)
        assert list(found) == [*expected, sum(expected), len(by)]

    def users(self, step: str, day: int) -> set[str]:
        return {user for on, user, _ in self.steps[step][0] if on.day == day}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    base = tmp_path_factory.getbasetemp()
    yield Story(UsageHome(tmp_path_factory.mktemp("identity") / "w.duckdb", base / "dbt_usage"))


def test_merges_are_followed_to_the_user_at_their_end(story: Story) -> None:
    assert story.users("first", 10) == {"u1", "u2", "u4"}
    assert story.users("first", 11) == {"u1", "u3", "u4"}


def test_two_users_never_merge(story: Story) -> None:
    assert {"u2"} < story.users("first", 10) and {"u3"} < story.users("first", 11)
    assert "amplitude:21" in story.users("first", 12), "it belongs to the merged id, and to neither user"
    assert story.home.query("SELECT sum(disputed_amplitude_ids) FROM marts.identity_report") == [(3,)]


def test_a_device_belongs_to_who_was_known_before_else_after(story: Story) -> None:
    days = {(on.day, user): count for on, user, count in story.steps["first"][0] if user in ("u4", "u5")}
    assert days == {(9, "u4"): 1, (10, "u4"): 1, (11, "u4"): 1, (12, "u4"): 1, (12, "u5"): 2}


def test_a_switch_inside_a_session_leaves_each_their_own(story: Story) -> None:
    assert {(user, count) for on, user, count in story.steps["first"][0] if on.day == 13} == {("u6", 3), ("u7", 2)}


def test_one_person_in_two_projects_is_one_user(story: Story) -> None:
    assert {(user, count) for on, user, count in story.steps["first"][0] if on.day == 14} == {("u8", 3)}


def test_nobody_known_is_counted_by_amplitude_id_else_by_device(story: Story) -> None:
    assert [story.users("first", day) for day in (15, 16, 17)] == [{"amplitude:90"}, {"device:v"}, {"device:unknown"}]


def test_a_late_merge_restates_the_dates_it_touches_and_no_others(story: Story) -> None:
    users, dates = story.steps["merge"]
    assert dates == {date(2024, 2, 15)}
    assert {user for on, user, _ in users if on.day == 15} == {"u1"}
    assert story.steps["nothing"] == (users, set())


def test_a_newly_known_user_restates_the_device_and_no_others(story: Story) -> None:
    assert story.steps["known user"][1] == {date(2024, 2, 16), date(2024, 2, 20)}
    assert story.users("known user", 16) == {"u9"}
    assert story.users("gone", 16) == {"device:v"}, "the event turned out to repeat another"
    assert story.steps["gone"][1] == {date(2024, 2, 16), date(2024, 2, 20)}


def test_a_second_user_of_an_id_takes_its_anonymous_events_from_the_first(story: Story) -> None:
    assert story.steps["second user"][1] == {date(2024, 2, day) for day in (10, 11, 15, 21)}
    assert [story.users("second user", day) & {"u1", "amplitude:12"} for day in (10, 11, 15)] == [{"amplitude:12"}] * 3


def test_step_by_step_equals_all_at_once(
    story: Story, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = Loader(UsageHome(tmp_path / "whole.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage"), company_tables())
    whole.load(story.loader.loaded, ledger(24), AS_OF, merges=story.loader.tables["amplitude_merges"])
    found = story.loader.contents()
    for mart, rows in whole.contents().items():
        assert found[mart] == rows, mart
