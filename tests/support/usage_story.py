"""A hand-written autumn in New York, one case an account: each account is a segment of its own, so that whatever a mart
says of the segment follows from the few people named there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from support import raw_money, raw_usage
from support.usage_reference import Row

ZONE = ZoneInfo("America/New_York")
SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (date(2024, month, 1) for month in (9, 10, 11, 12))
CASES = (
    "clock", "night", "sunday", "two_a", "two_b", "together", "merged", "staffed", "early", "gap", "sessions",
    "beta", "launch", "granted", "ended", "ungranted", "newcomer", "stranger",
)  # fmt: skip
AS_OF = "2024-12-31"


def utc(local: str) -> datetime:
    """A New York wall clock time; the first of two where the clock is set back."""
    return datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC).replace(tzinfo=None)


def event(at: str | datetime, user: str | None, account: str, kind: str = "Report Viewed", **columns: Any) -> Row:
    """One event at a New York time of 2024 (month-day hour:minute), or at a moment in UTC."""
    moment = utc(f"2024-{at}") if isinstance(at, str) else at
    number = sum(ord(letter) * 7**place for place, letter in enumerate(user or "nobody"))
    defaults = {
        "uuid": f"{at} {user} {account} {kind}", "upload_hour": moment.replace(minute=0, second=0),
        "is_time_corrected": False, "event_type": kind, "feature_properties": {}, "user_id": user,
        "amplitude_id": number, "device_id": f"device of {user}", "session_id": 5, "account_group": account,
    }  # fmt: skip
    return {**defaults, "occurred_at": moment, **columns}


EVENTS = [
    # the week of 169 hours from 28 October: its first and its last minutes, and the first minutes of the next
    event("10-28 00:10", "dusk", "clock"), event("11-03 23:50", "dusk", "clock"), event("11-04 00:10", "dawn", "clock"),
    # 01:30 comes twice on 3 November
    event(datetime(2024, 11, 3, 5, 30), "twice", "clock"), event(datetime(2024, 11, 3, 6, 30), "twice", "clock"),
    # half past eleven in the evening is the next day in UTC; on the last of a month even the next month
    event("10-14 23:30", "owl", "night"), event("10-31 23:30", "owl", "night"),
    # a Sunday and the Monday after it
    event("10-20 12:00", "sunny", "sunday"), event("10-21 12:00", "monty", "sunday"),
    # one user for two accounts on one date, with an event type that nobody else sends; a week later for one of them
    event("10-07 09:00", "twin", "two_a", "Twin Used"), event("10-07 10:00", "twin", "two_b", "Twin Used"),
    event("10-15 10:00", "twin", "two_b", "Twin Used"),
    # two users on three dates, on one of them both
    event("10-07 09:00", "left", "together"), event("10-09 09:00", "left", "together"),
    event("10-08 09:00", "right", "together"), event("10-09 17:00", "right", "together"),
    # a device nobody has logged in on, and a user whose it turns out to be
    event("10-09 09:00", None, "merged", amplitude_id=77, device_id="kiosk"),
    event("11-06 09:00", "known", "merged", amplitude_id=78, device_id="laptop"),
    # staff were there first
    event("09-10 09:00", "ivan", "staffed"), event("10-24 09:00", "customer", "staffed"),
    # used once, long ago
    event("09-03 09:00", "veteran", "early"),
    # September and November
    event("09-20 09:00", "ghost", "gap"), event("11-05 09:00", "ghost", "gap"),
    # no session is no session, however often
    event("10-10 09:00", "some", "sessions", session_id=-1), event("10-10 09:05", "some", "sessions", session_id=-1),
    event("10-10 10:00", "some", "sessions", session_id=7), event("10-10 10:05", "none", "sessions", session_id=-1),
    # the board is launched on 16 October; a tester had it before, another account took ten days
    event("10-05 09:00", "tester", "beta", "Board Opened"), event("10-26 09:00", "tenth", "launch", "Board Opened"),
    # granted on 15 November, used three days later; granted until 20 November, used before; never granted
    event("11-18 09:00", "third", "granted", "Board Opened"), event("11-12 09:00", "leaver", "ended", "Board Opened"),
    event("11-12 09:00", "guest", "ungranted", "Board Opened"),
    # came in November, and again in the unfinished December
    event("11-20 09:00", "fresh", "newcomer"), event("12-09 09:00", "fresh", "newcomer"),
]  # fmt: skip
# an account that has nothing to do with any other
STRANGER = [event(f"{month}-{day} 09:00", "odd", "stranger") for month in (10, 11) for day in (11, 12, 13)]
MERGE: list[Row] = [{"amplitude_id": 77, "survivor": 78}]


def tables(**company: Any) -> dict[str, Any]:
    """Settings, registry, accounts and money; ``company`` replaces columns of the company's one row."""
    rules = (("report", "core", "Report Viewed", None), ("twin", "core", "Twin Used", None),
             ("board", "plus", "Board Opened", date(2024, 10, 16)))  # fmt: skip
    grants = [(account, "core", "2023-01-01", None) for account in CASES]
    grants += [(account, "plus", "2024-09-10", None) for account in ("beta", "launch")]
    grants += [("granted", "plus", "2024-11-15", None), ("ended", "plus", "2024-09-10", "2024-11-20")]
    return {
        "company": [{**raw_money.COMPANY, "time_zone": str(ZONE), **company}],
        "lens_dimensions": [{"position": 1, "dimension": "case"}],
        "account_ways": list(raw_usage.WAYS),
        "internal_rules": [{"kind": "user_id", "value": "ivan"}],
        "inactive_event_types": [],
        "feature_rules": [
            {"rule_no": number, "feature_key": key, "feature_name": key, "feature_set": f"{line} set",
             "product_line": line, "event_type": kind, "launched_on": launched_on}
            for number, (key, line, kind, launched_on) in enumerate(rules, start=1)
        ],
        "accounts": [{"account_id": name, "account_name": name, "is_internal_test": False} for name in CASES],
        "account_segments": [
            {"account_id": name, "dimension": "case", "value": name, "valid_from": date(2020, 1, 1)} for name in CASES
        ],
        "identity_map": [{"account_id": name, "amplitude_value": name} for name in CASES],
        "entitlements": [
            {"account_id": account, "product_line": line, "valid_from": date.fromisoformat(start),
             "valid_to": date.fromisoformat(end) if end else None}
            for account, line, start, end in grants
        ],
        "arr_month": [
            {"month": month, "account_id": name, "product_line": "core", "currency": "USD", "arr": 100}
            for month in (SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER) for name in CASES
        ],
    }  # fmt: skip


def hours(first: str = "2024-09-02", last: str = "2024-12-10") -> list[Row]:
    """Every upload hour of these local dates, loaded."""
    return raw_usage.hours(utc(first), utc(last) + timedelta(days=1, hours=-1))
