"""Terms versions and discounts over time, from answers that each know only their own moment.

Stripe tells what a subscription item is now, not what it was. So every kept answer is compared with what the answers
before it told: changed terms end one version and begin the next on the day they were first seen, unless Stripe itself
names the day (the end of a trial, the end of a subscription). An item that is not listed any more ended on the day of
the first answer without it. Before the first answer an item is taken to have had its present terms since its start (and
its trial before them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Version = dict[str, Any]
_END = ("effective_to", "cancel_requested_at", "end_reason")


class History:
    """Versions per item and discounts, after any number of answers. Days are ISO texts, so that they compare."""

    def __init__(self) -> None:
        self._items: dict[str, list[Version]] = {}
        self._discounts: dict[tuple[str | None, ...], dict[str, Any]] = {}

    @classmethod
    def of(cls, told: dict[str, Any]) -> History:
        """What ``told`` gave, again."""
        history = cls()
        history._items = told["items"]
        for cells in told["discounts"]:
            history._discounts[_key(cells)] = cells
        return history

    def told(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {"items": self._items, "discounts": list(self._discounts.values())}

    def items(self) -> Iterator[tuple[str, list[Version]]]:
        """Item id and its versions, oldest first."""
        yield from self._items.items()

    def discounts(self) -> Iterator[dict[str, Any]]:
        """Every discount ever listed; one that is gone has ended."""
        yield from self._discounts.values()

    def add_states(self, day: str, states: Iterable[dict[str, Any]]) -> None:
        """What the answer of ``day`` says of every item."""
        present = set()
        for state in states:
            present.add(state["item_id"])
            known = self._items.get(state["item_id"])
            if known is None:
                self._items[state["item_id"]] = _begun(state)
            else:
                _continue(known, state, day)
        for item_id, versions in self._items.items():
            if item_id not in present and _is_open(versions[-1], day):
                _close(versions, day)

    def add_discounts(self, day: str, discounts: Iterable[dict[str, Any]]) -> None:
        """What the answer of ``day`` lists; a discount that it lists no more ended then, or never took effect."""
        present = {}
        for cells in discounts:
            present[_key(cells)] = cells
        for key, cells in list(self._discounts.items()):
            ends = cells.get("ends_on")
            if key in present or (ends is not None and ends <= day):
                continue
            if day <= (cells["starts_on"] or ""):
                del self._discounts[key]
            else:
                cells["ends_on"] = day
        self._discounts |= present


def _key(discount: dict[str, Any]) -> tuple[str | None, ...]:
    return discount["discount_id"], discount.get("subscription_id"), discount.get("item_id")


def _begun(state: dict[str, Any]) -> list[Version]:
    """The first that is heard of an item: a trial before the rest where there was one."""
    start, trial_end, status = state["from"], state["trial_end"], state["terms"]["status"]
    if trial_end and trial_end > start and status not in ("trialing", "future", "canceled"):
        ends = state["end"]["effective_to"]
        if ends and ends <= trial_end:  # it ended with its trial
            return [_version(state, start, {"status": "trialing"})]
        trial = _version(state, start, {"status": "trialing"}) | _unended(trial_end)
        return [trial, _version(state, trial_end)]
    return _unless_empty([_version(state, start)])


def _continue(versions: list[Version], state: dict[str, Any], day: str) -> None:
    last, now = versions[-1], _version(state, versions[-1]["from"])
    if last.get("is_gone"):  # it was not listed for a while: what is in between stays a gap
        versions.append(now | {"from": day, "recorded_at": day})
        return
    turns = state["trial_end"] if last["status"] == "trialing" and now["status"] != "trialing" else None
    if state["is_canceled"] and not (turns and turns < (now["effective_to"] or "")):
        # The terms of its last days are those that were seen; only the end is news.
        last |= {key: now[key] for key in _END}
        _unless_empty(versions)
    elif _terms(last) == _terms(now):
        last |= {key: now[key] for key in _END}
        _unless_empty(versions)
    else:
        begins = turns if turns and turns <= day else day
        if begins <= last["from"]:  # changed on the day it began
            versions[-1] = now | {"recorded_at": last["recorded_at"]}
        else:
            last |= _unended(begins)
            versions.append(now | {"from": begins, "recorded_at": day})


def _version(state: dict[str, Any], start: str, terms: dict[str, Any] | None = None) -> Version:
    return {"from": start, "recorded_at": None, **state["terms"], **state["end"], **(terms or {})}


def _terms(version: Version) -> dict[str, Any]:
    return {k: v for k, v in version.items() if k not in (*_END, "from", "recorded_at", "is_gone")}


def _unended(day: str) -> dict[str, str | None]:
    """The end of a version that is followed by another: nobody left."""
    return {"effective_to": day, "cancel_requested_at": None, "end_reason": None}


def _is_open(version: Version, day: str) -> bool:
    return version["effective_to"] is None or version["effective_to"] > day


def _close(versions: list[Version], day: str) -> None:
    versions[-1] |= {"effective_to": day, "is_gone": True}
    _unless_empty(versions)


def _unless_empty(versions: list[Version]) -> list[Version]:
    """A last version that served no day says so by its status: an interval cannot be empty."""
    last = versions[-1]
    if last["effective_to"] is not None and last["effective_to"] <= last["from"]:
        last |= {"status": "canceled", "effective_to": None}
    return versions
