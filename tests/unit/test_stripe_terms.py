"""Whatever Stripe answers over time, the versions of an item are intervals that can be added up."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.finance.connectors.stripe_terms import History

START = date(2024, 1, 1)


def iso(days: int) -> str:
    return (START + timedelta(days=days)).isoformat()


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[str, list[dict[str, Any]]]]:
    """Answers on rising days; in each, some items with any terms and ends that Stripe could tell of them."""
    told, day = [], 0
    born = {f"si_{n}": draw(st.integers(-20, 20)) for n in range(3)}
    trial = {name: draw(st.none() | st.integers(-20, 40)) for name in born}
    for _ in range(draw(st.integers(1, 6))):
        day += draw(st.integers(0, 15))
        states = []
        for name in draw(st.lists(st.sampled_from(sorted(born)), unique=True)):
            status = draw(st.sampled_from(["trialing", "active", "past_due", "paused", "unpaid", "canceled"]))
            is_canceled = draw(st.booleans())
            end = draw(st.none() | st.integers(-25, 80)) if not is_canceled else draw(st.integers(-25, day))
            states.append(
                {
                    "item_id": name,
                    "from": iso(born[name]),
                    "trial_end": None if trial[name] is None else iso(trial[name]),
                    "is_canceled": is_canceled,
                    "terms": {"status": "active" if is_canceled else status, "quantity": draw(st.integers(1, 2))},
                    "end": {
                        "effective_to": None if end is None else iso(end),
                        "cancel_requested_at": None,
                        "end_reason": None,
                    },
                }
            )
        told.append((iso(day), states))
    return told


@settings(max_examples=150, deadline=None)
@given(answers())
def test_versions_never_overlap_and_never_are_empty(told: list[tuple[str, list[dict[str, Any]]]]) -> None:
    history, again = History(), History()
    for day, states in told:
        history.add_states(day, states)
        again = History.of(json.loads(json.dumps(again.told())))  # as it is remembered between refreshes
        again.add_states(day, states)
    assert history.told() == again.told()
    assert {name for name, _ in history.items()} == {s["item_id"] for _, states in told for s in states}
    for _, versions in history.items():
        for version in versions:
            assert version["effective_to"] is None or version["effective_to"] > version["from"]
        for former, latter in pairwise(versions):
            assert former["effective_to"] is not None and former["effective_to"] <= latter["from"]


def test_an_answer_that_is_the_same_changes_nothing() -> None:
    terms = {"status": "active", "quantity": 1}
    end = {"effective_to": iso(30), "cancel_requested_at": iso(3), "end_reason": "voluntary"}
    state = {"item_id": "a", "from": iso(0), "trial_end": None, "is_canceled": False, "terms": terms, "end": end}
    history = History()
    history.add_states(iso(5), [state])
    before = json.dumps(history.told())
    history.add_states(iso(6), [state])
    assert json.dumps(history.told()) == before
