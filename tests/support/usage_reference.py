"""The usage marts recomputed the slow way: one event, one date, one unit at a time, in plain Python.

It shares nothing with the models but the rulings, so that agreement means something.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from support.identity_reference import users_of

Row = Mapping[str, Any]
DAY = timedelta(days=1)
_COLUMNS = {"event_group": "account_group", "user_property": "account_property"}
_FALSE = ("", "false", "0", "no", "null", "none")


@dataclass(frozen=True)
class Counted:
    """One event as the marts see it."""

    local_date: date
    user: str
    account: str | None
    reason: str | None
    event_type: str
    features: frozenset[str]
    is_inactive: bool
    session: int | None


@dataclass(frozen=True)
class Reference:
    """Raw tables by name, as handed to the warehouse, and the usage watermark."""

    tables: Mapping[str, list[Row]]
    watermark: date

    @property
    def company(self) -> Row:
        return self.tables["company"][0]

    @cached_property
    def features(self) -> dict[str, Row]:
        return {rule["feature_key"]: rule for rule in self.tables["feature_rules"]}

    @cached_property
    def counted(self) -> list[Counted]:
        """Every event that is not left out."""
        events = self.tables["amplitude_events"]
        internal = {self._user(event) for event in events if self._marks_internal(event)}
        own = {row["account_id"] for row in self.tables["accounts"] if row.get("is_internal_test")}
        counted = []
        for event in events:
            account, reason = self._account(event)
            if self._user(event) in internal or account in own:
                continue
            inactive = any(_glob(row["pattern"], event["event_type"]) for row in self.tables["inactive_event_types"])
            session = event.get("session_id")
            counted.append(
                Counted(
                    self.local_date(event), self._user(event), account, reason, event["event_type"],
                    frozenset(self._features(event)), inactive, None if session == -1 else session,
                )
            )  # fmt: skip
        return counted

    @cached_property
    def users(self) -> dict[str, tuple[str, str]]:
        """Event uuid → (user key, what it was resolved by)."""
        return users_of(self.tables["amplitude_events"], self.tables.get("amplitude_merges", []))

    def _user(self, event: Row) -> str:
        return self.users[event["uuid"]][0]

    @cached_property
    def active(self) -> list[Counted]:
        return [event for event in self.counted if not event.is_inactive]

    def local_date(self, event: Row) -> date:
        moment: datetime = event["occurred_at"]
        return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.company["time_zone"])).date()

    def _features(self, event: Row) -> Iterator[str]:
        properties = event.get("feature_properties") or {}
        for rule in self.tables["feature_rules"]:
            if not _glob(rule["event_type"], event["event_type"]):
                continue
            name, value = rule.get("property"), rule.get("property_value")
            if name is None or (name in properties and value in (None, properties[name])):
                yield rule["feature_key"]

    def _marks_internal(self, event: Row) -> bool:
        rules = {(rule["kind"], rule["value"]) for rule in self.tables["internal_rules"]}
        account, value = self._named(event)[:2]
        return (
            ("email_domain", event.get("email_domain")) in rules
            or ("user_id", event.get("user_id")) in rules
            or ("account", account) in rules
            or ("account", value) in rules
            or (event.get("internal_property") or "").lower() not in _FALSE
        )

    def _ways(self) -> list[str]:
        return [row["way"] for row in sorted(self.tables["account_ways"], key=lambda row: row["position"])]

    def _named(self, event: Row) -> tuple[str | None, str | None, str | None]:
        """Account, value and reason that the event itself gives, by the first way that names a value."""
        for way in self._ways():
            value = event.get(_COLUMNS.get(way, ""))
            if value:
                return self._mapped(value, self.local_date(event))
        return None, None, "not_named"

    def _mapped(self, value: str, day: date) -> tuple[str | None, str, str | None]:
        rows = [row for row in self.tables["identity_map"] if row["amplitude_value"] == value]
        for row in rows:
            if (row.get("valid_from") or date.min) <= day < (row.get("valid_to") or date.max):
                return row["account_id"], value, None
        return None, value, "outside_validity" if rows else "unknown_value"

    @cached_property
    def _namings(self) -> dict[str, dict[date, str]]:
        """Per user and date, the account named last."""
        last: dict[tuple[str, date], tuple[datetime, list[str]]] = {}
        for event in self.tables["amplitude_events"]:
            account = self._named(event)[0]
            if account is None:
                continue
            key, moment = (self._user(event), self.local_date(event)), event["occurred_at"]
            if key not in last or moment > last[key][0]:
                last[key] = (moment, [account])
            elif moment == last[key][0]:
                last[key][1].append(account)
        namings: dict[str, dict[date, str]] = defaultdict(dict)
        for (user, day), (_, accounts) in last.items():
            namings[user][day] = min(accounts)
        return namings

    def _account(self, event: Row) -> tuple[str | None, str | None]:
        """The first way that answers; a value that nobody knows is an answer too."""
        account, _, reason = self._named(event)
        for way in self._ways():
            if way == "user_membership":
                lent = self._lent(event)
                if lent is not None:
                    return lent, None
            elif event.get(_COLUMNS[way]):
                return account, reason
        return None, reason

    def _lent(self, event: Row) -> str | None:
        """The account of the user's other events: named last that date or before, else first after."""
        dates, day = self._namings.get(self._user(event), {}), self.local_date(event)
        before, after = [d for d in dates if d <= day], [d for d in dates if d > day]
        return dates[max(before) if before else min(after)] if before or after else None

    # -- segments, scopes, periods ---------------------------------------------------------------------------------

    def segments(self, account: str | None, day: date) -> list[tuple[str, str]]:
        """(dimension, segment) pairs an account counts in on a date, the total included."""
        pairs = [("all", "all")]
        for lens in self.tables["lens_dimensions"]:
            segment = "unassigned"
            for row in self.tables["account_segments"]:
                is_own = (row["account_id"], row["dimension"]) == (account, lens["dimension"])
                if is_own and row["valid_from"] <= day < (row.get("valid_to") or date.max):
                    segment = row["value"]
            pairs.append((lens["dimension"], segment))
        return pairs

    def scopes(self, features: Iterable[str]) -> set[tuple[str, str]]:
        """Scopes that use of these features is use of."""
        found = set()
        for key in features:
            rule = self.features[key]
            found |= {("feature", key), ("feature_set", rule["feature_set"]), ("product_line", rule["product_line"])}
        return found

    def period(self, grain: str, day: date) -> tuple[date, date]:
        """First and last date of the period that holds a date."""
        if grain == "day":
            return day, day
        if grain == "month":
            return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        start = day - ((day.weekday() + (self.company["week_starts_on"] == "sunday")) % 7) * DAY
        return start, start + 6 * DAY

    # -- marts -----------------------------------------------------------------------------------------------------

    def active_usage(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Key → (active, rolling_7d, rolling_28d, daily_active_sum, rolling_28d_sum, is_complete)."""
        units: dict[tuple[Any, ...], dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
        for event in self.active:
            if event.local_date > self.watermark:
                continue
            for dimension, segment in self.segments(event.account, event.local_date):
                for scope in {("all", "all")} | self.scopes(event.features):
                    units["user", dimension, segment, *scope][event.local_date].add(event.user)
                    if event.account:
                        units["account", dimension, segment, *scope][event.local_date].add(event.account)
        rows = {}
        for key, days in units.items():
            known = _dates(min(days), self.watermark)
            for grain in ("day", "week", "month"):
                for start, end in {self.period(grain, day) for day in known}:
                    within = [day for day in _dates(start, end) if day in known]
                    rows[grain, start, *key] = (
                        _distinct(days, start, end),
                        _distinct(days, end - 6 * DAY, end), _distinct(days, end - 27 * DAY, end),
                        sum(len(days.get(day, ())) for day in within),
                        sum(_distinct(days, day - 27 * DAY, day) for day in within), end <= self.watermark,
                    )  # fmt: skip
        return rows

    def feature_days(self) -> dict[tuple[Any, ...], tuple[int, int]]:
        users, events = defaultdict(set), Counter[tuple[Any, ...]]()
        for event in self.active:
            for key in event.features:
                if event.account:
                    users[event.local_date, event.account, key].add(event.user)
                    events[event.local_date, event.account, key] += 1
        return {key: (len(users[key]), events[key]) for key in users}

    def user_days(self) -> dict[tuple[date, str], tuple[str | None, int, int]]:
        grouped = defaultdict(list)
        for event in self.active:
            grouped[event.local_date, event.user].append(event)
        rows = {}
        for key, events in grouped.items():
            by_account = Counter(event.account for event in events if event.account)
            account = min(by_account, key=lambda name: (-by_account[name], name)) if by_account else None
            sessions = {event.session for event in events if event.session is not None}
            rows[key] = (account, len(events), len(sessions))
        return rows

    def unattributed(self) -> dict[tuple[date, str | None], tuple[int, int]]:
        grouped = defaultdict(list)
        for event in self.active:
            if not event.account:
                grouped[event.local_date, event.reason].append(event.user)
        return {key: (len(users), len(set(users))) for key, users in grouped.items()}

    def unmapped(self) -> dict[str, tuple[int, int, date, date, float]]:
        grouped = defaultdict(list)
        for event in self.counted:
            if not event.features:
                grouped[event.event_type].append(event)
        return {
            name: (
                len(events), len({e.user for e in events}), min(e.local_date for e in events),
                max(e.local_date for e in events), len(events) / len(self.counted),
            )
            for name, events in grouped.items()
        }  # fmt: skip


def _glob(pattern: str, text: str) -> bool:
    regex = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _dates(start: date, end: date) -> list[date]:
    return [start + n * DAY for n in range((end - start).days + 1)]


def _distinct(days: Mapping[date, set[str]], start: date, end: date) -> int:
    return len(set().union(*(days.get(day, set()) for day in _dates(start, end))))
