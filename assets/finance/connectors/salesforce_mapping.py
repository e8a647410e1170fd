"""Salesforce's records → rows of the contract. Pure: everything comes from the kept answer and company.yaml.

Read together with docs/company-folder.md, which says the same in prose. Instants become dates on the company's clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from assets.company.finance_sources import SalesforceSource, SignedDates
from assets.errors import InputError
from assets.finance.connectors.loads import Load
from assets.finance.connectors.mapped import Row

# date of the change, value after it, value before it
Change = tuple[date, str | None, str | None]


def accounts(load: Load, source: SalesforceSource, zone: ZoneInfo) -> Iterator[Row]:
    """One per Account that is not in the recycle bin."""
    ids = _ids(load, source)
    for record in load.answers("accounts"):
        cells = {
            "account_id": ids[record["Id"]],
            "account_name": record["Name"],
            "parent_account_id": ids.get(record["ParentId"], record["ParentId"]) if record["ParentId"] else None,
            "crm_id": record["Id"],
            "billing_country": record["BillingCountry"],
            "created_date": _day(record["CreatedDate"], zone, "Account", record["Id"]).isoformat(),
        }
        if source.is_internal_test:
            cells["is_internal_test"] = "true" if record[source.is_internal_test] else "false"
        yield Row(cells, ref=record["Id"])


def account_segments(load: Load, source: SalesforceSource, zone: ZoneInfo) -> Iterator[Row]:
    """Intervals per account and dimension, from the field history; the last one has the value that the account has now.

    A field whose history does not lead to its present value was changed while it was not tracked: its past is told as
    far as the history goes, and the present value is set aside, because nobody knows since when it holds.
    """
    ids, changes = _ids(load, source), _changes(load, zone)
    for record in load.answers("accounts"):
        created = _day(record["CreatedDate"], zone, "Account", record["Id"])
        for dimension, field in source.dimensions.items():
            cells = {"account_id": ids[record["Id"]], "dimension": dimension, "assigned_by": f"Salesforce {field}"}
            for start, end, value, problem in _intervals(created, changes[(record["Id"], field)], record[field]):
                interval = {
                    "value": value,
                    "valid_from": start.isoformat(),
                    "valid_to": end.isoformat() if end else None,
                }
                told = f"Account {record['Id']}, field {field}: {problem}" if problem else None
                yield Row(cells | interval, told, record["Id"])


def _intervals(
    created: date, changes: list[Change], present: str | None
) -> Iterator[tuple[date, date | None, str, str | None]]:
    """(from, to, value, problem) of one field of one account; a time without a value is a gap."""
    if not changes:
        if present:
            yield created, None, present, None
        return
    steps = [(min(created, changes[0][0]), changes[0][2]), *((day, value) for day, value, _ in changes)]
    ends = [day for day, _ in steps[1:]]
    for (start, value), end in zip(steps, ends, strict=False):
        if value and start < end:
            yield start, end, value, None
    last_day, last_value = steps[-1]
    if last_value == present:
        if present:
            yield last_day, None, present, None
        return
    if present:
        problem = "its history does not lead to its present value, so nobody knows since when it holds"
        yield last_day, None, present, problem


def _changes(load: Load, zone: ZoneInfo) -> dict[tuple[str, str], list[Change]]:
    """(account, field) → changes in order; of several on one day the last one counts."""
    found: dict[tuple[str, str], list[tuple[str, str, Any]]] = defaultdict(list)
    if "account_history" in load.objects:
        for entry in load.answers("account_history"):
            if entry["DataType"] != "EntityId":  # a lookup is told twice: once as ids, once as names
                found[(entry["AccountId"], entry["Field"])].append((entry["CreatedDate"], entry["Id"], entry))
    changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for key, entries in found.items():
        for _, _, entry in sorted(entries, key=lambda e: e[:2]):
            day = _day(entry["CreatedDate"], zone, "AccountHistory", entry["Id"])
            before = entry["OldValue"]
            if changes[key] and changes[key][-1][0] == day:
                before = changes[key].pop()[2]
            changes[key].append((day, entry["NewValue"], before))
    return changes


def signed_dates(load: Load, settings: SignedDates) -> Iterator[tuple[str, date]]:
    """(what items are matched by, close date) of every won opportunity."""
    for record in load.answers("opportunities"):
        yield record[settings.field], _day(record["CloseDate"], ZoneInfo("UTC"), "Opportunity", record["Id"])


def _ids(load: Load, source: SalesforceSource) -> dict[str, str | None]:
    return {record["Id"]: record[source.account_id] for record in load.answers("accounts")}


def _day(text: str, zone: ZoneInfo, name: str, who: str) -> date:
    """A Salesforce date (2024-03-31) or instant (2024-03-31T23:10:00.000+0000) as a date on the company's clock."""
    try:
        if len(text) == len("2024-03-31"):
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError("no zone")
    except ValueError:
        raise InputError(
            f"the answer of Salesforce has changed: {text[:40]!r} is not a date or an instant",
            where=f"Salesforce, object {name} {who}, a date of it",
            mend="the mapping in assets/finance/connectors needs a review before this is read; nothing was landed",
        ) from None
    return instant.astimezone(zone).date()


MAPPINGS: dict[str, Callable[[Load, SalesforceSource, ZoneInfo], Iterator[Row]]] = {
    "accounts": accounts,
    "account_segments": account_segments,
}
