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
            if item_id not in present and not versions[-1].get("is_gone") and _is_open(versions[-1], day):
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
    versions = [_version(state, start)]
    if trial_end and trial_end > start and status not in ("trialing", "canceled"):
        versions = [_version(state, start) | {"status": "trialing"}]
        ends = state["end"]["effective_to"]
        if ends is None or ends > trial_end:  # it outlived its trial
            _append(versions, _version(state, trial_end))
    _end(versions, state["end"])
    return versions


def _continue(versions: list[Version], state: dict[str, Any], day: str) -> None:
    last, now = versions[-1], _version(state, versions[-1]["from"])
    turns = state["trial_end"] if last["status"] == "trialing" and now["status"] != "trialing" else None
    if last.get("is_gone"):  # it was not listed for a while: what is in between stays a gap
        _append(versions, now | {"from": day, "recorded_at": day})
    elif state["is_canceled"] and not (turns and turns < (now["effective_to"] or "")):
        pass  # the terms of its last days are those that were seen: only the end is news
    elif _terms(last) != _terms(now):
        begins = turns if turns and turns <= day else day
        _append(versions, now | {"from": begins, "recorded_at": day})
    _end(versions, state["end"])


def _append(versions: list[Version], new: Version) -> None:
    """The next version, which ends the one before; one that changes on the day it begins is corrected instead. No
    version ever goes away: a number that was delivered stays."""
    last = versions[-1]
    if new["from"] <= last["from"]:
        versions[-1] = new | {"from": last["from"], "recorded_at": last["recorded_at"]}
        return
    if last["effective_to"] is None or last["effective_to"] > new["from"]:
        last |= {"effective_to": new["from"], "cancel_requested_at": None, "end_reason": None}  # nobody left
    versions.append(new)


def _end(versions: list[Version], end: dict[str, Any]) -> None:
    """How the last version ends. Where the end lies before it, that version (and others like it) never served: an
    interval cannot be empty, so its status says so."""
    day = end["effective_to"]
    versions[-1] |= end
    for version in versions:
        if day is not None and version["from"] >= day:
            version |= {"status": "canceled"} | ({"effective_to": None} if version is versions[-1] else {})
        elif day is not None and (version["effective_to"] is None or version["effective_to"] > day):
            version["effective_to"] = day


def _version(state: dict[str, Any], start: str) -> Version:
    return {"from": start, "recorded_at": None, **state["terms"], **state["end"]}


def _terms(version: Version) -> dict[str, Any]:
    return {k: v for k, v in version.items() if k not in (*_END, "from", "recorded_at", "is_gone")}


def _is_open(version: Version, day: str) -> bool:
    return version["effective_to"] is None or version["effective_to"] > day


def _close(versions: list[Version], day: str) -> None:
    """The item is not listed any more."""
    _end(versions, {"effective_to": day, "cancel_requested_at": None, "end_reason": None})
    versions[-1]["is_gone"] = True
