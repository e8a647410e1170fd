"""The truth file: what was planted, and what an exact pipeline must therefore find. No pipeline code may read it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.arr import Arr, money
from pipelines.sandbox.catalogue import SUCCESSION
from pipelines.sandbox.contracts import BASE_CHURN
from pipelines.sandbox.curves import UseDays, adoption
from pipelines.sandbox.entitlement import entitled, stays
from pipelines.sandbox.events import CLOCK_LATE, CLOCK_WRONG, RESENT, SAME_UUID, Events, Ints
from pipelines.sandbox.export import copies
from pipelines.sandbox.features import FEATURES, KINDS, features_of
from pipelines.sandbox.launches import launches
from pipelines.sandbox.spec import TIME_ZONE, VERSION, SandboxSpec, month_end
from pipelines.sandbox.terms import Book
from pipelines.sandbox.usage import SECOND_US
from pipelines.sandbox.users import BY_NOTHING, BY_UNKNOWN_GROUP, Users

_INACTIVE = ("session_start", "$identify")


class Tally:
    """Counts what was written, record by record, as an exact pipeline would see it after deduplication.

    Months are local months of the event's own time. "External" leaves out staff and the internal test account;
    "active" also leaves out the inactive event types.
    """

    def __init__(self, spec: SandboxSpec, accounts: list[Account], users: Users) -> None:
        self.spec, self.users = spec, users
        self.counts: Counter[str] = Counter()
        self.by_kind = np.zeros(len(KINDS), np.int64)
        self.by_upload_day: Counter[int] = Counter()
        first = spec.first_usage_day
        self.months = [first.replace(day=1)]
        while month_end(self.months[-1]) < spec.last_day:
            self.months.append(month_end(self.months[-1]) + timedelta(days=1))
        self.month_numbers = _month_of_hours(first, spec.days, self.months)
        self.first_hour = _hours_of(first)
        shape = (len(self.months), len(KINDS))
        self.events = np.zeros(shape, np.int64)
        self.attributed = np.zeros(len(KINDS), np.int64)
        self.active_users = np.zeros((len(self.months), len(users)), bool)
        self.active_accounts = np.zeros((len(self.months), len(accounts) + 1), bool)
        self.use = UseDays(spec, len(accounts))
        self.users_of_feature = np.zeros((len(FEATURES), len(users)), bool)
        self.is_internal = users.is_internal | (users.account == len(accounts) - 1)
        self.inactive = np.array([kind.event_type in _INACTIVE for kind in KINDS])
        self.features = [features_of(kind) for kind in KINDS]
        self.mapped = np.array([bool(found) for found in self.features])

    def add(self, events: Events) -> None:
        """Count a batch of written records."""
        self.counts.update(copies(events))
        self.counts["records"] += len(events)
        self.by_upload_day.update(Counter((events.upload_us // (86_400 * SECOND_US)).tolist()))
        once = events.take((events.copy != SAME_UUID) & (events.copy != RESENT))
        self.counts["staged"] += len(once)
        self.counts["late_events"] += int((once.clock == CLOCK_LATE).sum())
        self.counts["wrong_clocks"] += int((once.clock == CLOCK_WRONG).sum())
        self.counts["anonymous"] += int(once.is_anonymous.sum())
        self.counts["without_account"] += int(np.isin(once.naming, (BY_NOTHING, BY_UNKNOWN_GROUP)).sum())
        self.by_kind += np.bincount(once.kind, minlength=len(KINDS))
        self._external(once.take(~self.is_internal[once.user]))

    def _external(self, events: Events) -> None:
        self.counts["external"] += len(events)
        self.counts["external_unmapped"] += int((~self.mapped[events.kind] & ~self.inactive[events.kind]).sum())
        month = self.month_numbers[events.occurred_us // (3600 * SECOND_US) - self.first_hour]
        np.add.at(self.events, (month, events.kind), 1)
        active = ~self.inactive[events.kind]
        self.counts["external_active"] += int(active.sum())
        nameless = np.isin(events.naming, (BY_NOTHING, BY_UNKNOWN_GROUP))
        self.counts["external_active_without_account"] += int((active & nameless).sum())
        self.active_users[month[active], events.user[active]] = True
        named = active & ~nameless
        self.attributed += np.bincount(events.kind[named], minlength=len(KINDS))
        self.active_accounts[month[named], events.account[named]] = True
        for kind, found in enumerate(self.features):
            for feature in found:
                self.users_of_feature[feature, events.user[events.kind == kind]] = True
            own = named & (events.kind == kind)
            self.use.add(events.occurred_us[own] // (3600 * SECOND_US) - self.first_hour, events.account[own], found)

    def _of_feature(self, by_kind: Ints, feature: int) -> int:
        """Events of all kinds that the registry gives to a feature."""
        return int(sum(by_kind[kind] for kind, found in enumerate(self.features) if feature in found))

    def never_seen(self) -> set[str]:
        """Features without a single event, staff's included."""
        seen = {n for kind, found in enumerate(self.features) if self.by_kind[kind] for n in found}
        return {feature.key for n, feature in enumerate(FEATURES) if n not in seen}

    def summary(self) -> dict[str, Any]:
        """The counts as plain data."""
        by_type: Counter[str] = Counter()
        for kind, count in zip(KINDS, self.by_kind.tolist(), strict=True):
            if count:
                by_type[kind.event_type] += count
        active = self.events[:, ~self.inactive].sum(axis=1)
        return {
            "totals": dict(sorted(self.counts.items())),
            "staged_by_event_type": dict(sorted(by_type.items())),
            "records_by_upload_day": {
                (date(1970, 1, 1) + timedelta(days=day)).isoformat(): count
                for day, count in sorted(self.by_upload_day.items())
            },
            "external_by_month": [
                {
                    "month_start": month.isoformat(),
                    "events": int(self.events[n].sum()),
                    "active_events": int(active[n]),
                    "active_users": int(self.active_users[n].sum()),
                    "active_accounts": int(self.active_accounts[n].sum()),
                }
                for n, month in enumerate(self.months)
            ],
            "external_by_feature": {
                feature.key: {
                    "events": self._of_feature(self.events.sum(axis=0), n),
                    "attributed_events": self._of_feature(self.attributed, n),
                    "users": int(self.users_of_feature[n].sum()),
                }
                for n, feature in enumerate(FEATURES)
            },
        }


def _hours_of(day: date) -> int:
    return (datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)) // timedelta(hours=1)


def _month_of_hours(first: date, days: int, months: list[date]) -> Ints:
    """Position of the local month for every UTC hour from ``first`` 00:00 UTC on: zones here shift by whole hours."""
    zone, utc = ZoneInfo(TIME_ZONE), ZoneInfo("UTC")
    begin = datetime(first.year, first.month, first.day, tzinfo=utc)
    local = [(begin + timedelta(hours=n)).astimezone(zone).date().replace(day=1) for n in range((days + 2) * 24)]
    position = {month: n for n, month in enumerate(months)}
    return np.array([position.get(month, len(months) - 1) for month in local], dtype=np.int64)


def truth(spec: SandboxSpec, seed: int, accounts: list[Account], book: Book, arr: Arr, tally: Tally) -> dict[str, Any]:
    """The whole document, but what only the builder knows."""
    moves = [
        {"account_id": a.account_id, "dimension": dimension, "from": old, "to": new, "on": on.isoformat()}
        for a in accounts
        for dimension, history in (("size", a.size_history), ("industry", a.industry_history))
        for (old, _), (new, on) in pairwise(history)
    ]
    return {
        "simulator": VERSION,
        "seed": seed,
        "history": {
            "first_day": spec.first_usage_day.isoformat(),
            "last_day": spec.last_day.isoformat(),
            "money_from": spec.first_contract_day.isoformat(),
            "time_zone": TIME_ZONE,
        },
        "churn": {
            "monthly_base_hazard": BASE_CHURN,
            "hazard_ratio_once_adopted": {f.key: f.churn_ratio for f in FEATURES},
        },
        "launches": [
            {
                "launch_id": x.launch_id,
                "kind": x.kind,
                "starts_on": x.starts_on.isoformat(),
                "segments": x.segments,
                "features": x.features,
                "factor": x.factor,
                "effect_days": x.effect_days,
            }
            for x in launches(spec)
        ],
        "segment_moves": moves,
        "product_succession": {"from": SUCCESSION[0], "to": SUCCESSION[1], "on": spec.month_at(0.45).isoformat()},
        "new_product_line": {"product_line": "assistant", "on": spec.at(0.5).isoformat()},
        "price_rise": {"factor": 1.08, "on": spec.month_at(0.6).isoformat()},
        "adoption_curves": {
            f.key: {"ceiling_by_size": f.ceiling, "median_days": f.median_days, "counted_from": "entitlement or launch"}
            for f in FEATURES
        },
        "adoption": adoption(spec, accounts, entitled(spec, accounts, stays(book), spec.days), tally.use),
        "adopted": {
            a.account_id: {key: on.isoformat() for key, on in sorted(a.adopted.items()) if on <= spec.last_day}
            for a in accounts
        },
        "never_seen_features": [f.key for f in FEATURES if f.key in tally.never_seen()],
        "renamed_accounts": {a.account_id: a.renamed_on.isoformat() for a in accounts if a.renamed_on},
        "story": book.story,
        "events": tally.summary(),
        "closing_arr": closing_rows(spec, accounts, arr),
    }


def closing_rows(spec: SandboxSpec, accounts: list[Account], arr: Arr) -> list[dict[str, str]]:
    """Closing ARR by month × dimension × segment × product line, where there is any; amounts as text with cents."""
    own = {account.account_id: account for account in accounts}
    totals: Counter[tuple[date, str, str, str]] = Counter()
    for (month, account_id, line, _), cents in arr.cents.items():
        close, account = month_end(month), own[account_id]
        for dimension, history in (("size", account.size_history), ("industry", account.industry_history)):
            segment = [value for value, valid_from in history if valid_from <= close][-1]
            totals[month, dimension, segment, line] += cents
    return [
        {
            "month_start": month.isoformat(),
            "dimension": dimension,
            "segment": segment,
            "product_line": line,
            "arr": str(money(cents)),
        }
        for (month, dimension, segment, line), cents in sorted(totals.items())
        if cents
    ]
