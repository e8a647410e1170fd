"""Typed columns promoted from an event's nested objects, so that no model has to parse JSON again.

Which properties are promoted comes from the company folder. Their names never enter the SQL text: they are bound
to DuckDB variables as JSON pointers, so names with dots, quotes, brackets or any letters work.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import duckdb

from assets.company.model import Company

# Raise when an expression below changes its meaning: existing segments are then promoted again.
PROMOTION_VERSION = 1


@dataclass(frozen=True)
class Promotion:
    """What is promoted: the group type and the user and event property names of one company."""

    group_type: str
    account_property: str | None
    internal_property: str | None
    feature_properties: tuple[str, ...]

    @classmethod
    def of(cls, company: Company) -> Promotion:
        events = company.events
        return cls(
            events.account_group_type,
            events.account_user_property,
            events.internal.user_property,
            tuple(sorted(set(company.feature_properties))),
        )

    @property
    def digest(self) -> str:
        """Names this promotion in the ledger. It includes a probe of DuckDB's hash function, whose values may
        change with its version: then ``insert_hash`` is computed again everywhere."""
        with duckdb.connect() as con:
            probe = con.execute("SELECT hash(1::BIGINT, 'a', 'b')").fetchall()
        parts = [PROMOTION_VERSION, self.group_type, self.account_property, self.internal_property]
        return hashlib.sha256(json.dumps([parts, self.feature_properties, str(probe)]).encode()).hexdigest()[:16]

    def bind(self, con: duckdb.DuckDBPyConnection) -> None:
        """Set the variables that ``sql`` reads, for this connection."""
        user = [pointer(name) if name else None for name in (self.account_property, self.internal_property, "email")]
        variables: dict[str, list[str] | list[str | None]] = {
            "group_paths": [pointer(self.group_type, "0"), pointer(self.group_type)],
            # A path list may not hold nulls: an unnamed property looks for a key no one can write.
            "user_paths": [path or pointer("\x00") for path in user],
            "feature_names": list(self.feature_properties),
            "feature_paths": [pointer(name) for name in self.feature_properties],
        }
        for name, value in variables.items():
            con.execute(f"SET VARIABLE {name} = ?", [value])

    def sql(self) -> str:
        """Select list of the promoted columns, over a relation with the lake's kept columns."""
        if self.account_property or self.internal_property:
            user_values = "json_extract_string(user_properties, getvariable('user_paths'))"
            account, internal = f"nullif({user_values}[1], '')", f"nullif({user_values}[2], '')"
        else:
            account = internal = "CAST(NULL AS VARCHAR)"
        email = (
            "CASE WHEN contains(user_properties, '\"email\"') THEN json_extract_string(user_properties, '/email') END"
        )
        address = f"CASE WHEN {_is_email('user_id')} THEN user_id ELSE {email} END"
        return f"""
            nullif(coalesce({GROUP_VALUES}[1],
                CASE WHEN {GROUP_VALUES}[2] NOT LIKE '[%' THEN {GROUP_VALUES}[2] END), '') AS account_group,
            {account} AS account_property,
            {internal} AS internal_property,
            CASE WHEN {_is_email(address)} THEN lower(split_part({address}, '@', 2)) END AS email_domain,
            {self._features()} AS feature_properties,
            {INSERT_HASH} AS insert_hash"""

    def _features(self) -> str:
        if not self.feature_properties:
            return "CAST(MAP {} AS MAP(VARCHAR, VARCHAR))"
        values = "json_extract_string(event_properties, getvariable('feature_paths'))"
        return f"""coalesce(map_from_entries(list_filter(list_zip(getvariable('feature_names'), {values}),
            lambda entry: entry[2] IS NOT NULL)), CAST(MAP {{}} AS MAP(VARCHAR, VARCHAR)))"""


GROUP_VALUES = "json_extract_string(groups, getvariable('group_paths'))"
# Null when either part is null: such an event is never a repeat of another.
INSERT_HASH = "CASE WHEN device_id IS NOT NULL AND insert_id IS NOT NULL THEN hash(app, device_id, insert_id) END"


def pointer(*keys: str) -> str:
    """JSON pointer (RFC 6901) to a nested key; any text is a valid key."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _is_email(expression: str) -> str:
    return f"({expression} LIKE '%_@_%._%' AND {expression} NOT LIKE '%@%@%' AND {expression} NOT LIKE '% %')"
