"""The history that Stripe's kept answers tell, remembered so that a refresh reads only what is new."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

from assets.finance.connectors.loads import Load, loads
from assets.finance.connectors.stripe_mapping import local_day, seen_discounts, states
from assets.finance.connectors.stripe_terms import History

VERSION = 1  # raise it when answers that were read before would be told differently


def history_of(root: Path, through: Load, zone: ZoneInfo) -> History:
    """The history that the kept answers up to ``through`` tell. What older ones told is remembered beside them, so that
    a refresh reads only what is new; without that file, or with another one's, all of them are read again."""
    memory = root / "history.json"
    history, known = _remembered(memory, zone, through.number)
    for load in loads(root):
        if known < load.number <= through.number and "subscriptions" in load.objects:
            day = local_day(load.asked_at.timestamp(), zone)
            history.add_states(str(day), states(load, zone))
            if "coupons" in load.objects:
                history.add_discounts(str(day), seen_discounts(load, zone))
    facts = {"version": VERSION, "zone": zone.key, "through": through.number, "told": history.told()}
    temporary = memory.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    temporary.replace(memory)
    return history


def _remembered(memory: Path, zone: ZoneInfo, newest: int) -> tuple[History, int]:
    if memory.is_file():
        facts = json.loads(memory.read_text(encoding="utf-8"))
        if (facts["version"], facts["zone"]) == (VERSION, zone.key) and facts["through"] <= newest:
            return History.of(facts["told"]), facts["through"]
    return History(), 0
