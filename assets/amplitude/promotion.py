"""Typed columns promoted from an event's nested objects, so that no model has to parse JSON again.

Which properties are promoted comes from the company folder. Their names never enter the SQL text: they are bound
to DuckDB variables as JSON pointers, so names with dots, quotes, brackets or any letters work.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
        parts = [PROMOTION_VERSION, self.group_type, self.account_property, self.internal_property]
        return hashlib.sha256(json.dumps([parts, self.feature_properties, _probe()]).encode()).hexdigest()[:16]

    def bind(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        """Set the variables that ``sql`` reads, for this connection; by way of a file in ``scratch``, because the
        first parameter bound from Python makes DuckDB import pandas: seconds of CPU and 100 MB."""
        variables = {
            "group_paths": [pointer(self.group_type, "0"), pointer(self.group_type)],
            "account_path": [pointer(self.account_property or "")],
            "internal_path": [pointer(self.internal_property or "")],
            "feature_names": list(self.feature_properties),
            "feature_paths": [pointer(name) for name in self.feature_properties],
        }
        draft = scratch / "promotion.json"
        draft.write_text(json.dumps(variables), encoding="utf-8")
        columns = ", ".join(f"{name}: 'VARCHAR[]'" for name in variables)
        path = str(draft).replace("'", "''")
        for name in variables:
            source = f"read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})"
            con.execute(f"SET VARIABLE {name} = (SELECT {name} FROM {source})")
        draft.unlink()

    def sql(self) -> str:
        """Select list of the promoted columns, over a relation with the lake's kept columns."""
        account = _user_property("account_path") if self.account_property else "CAST(NULL AS VARCHAR)"
        internal = _user_property("internal_path") if self.internal_property else "CAST(NULL AS VARCHAR)"
        email = "json_extract_string(user_properties, '/email')"
        return f"""
            nullif(coalesce({GROUP_VALUES}[1],
                CASE WHEN {GROUP_VALUES}[2] NOT LIKE '[%' THEN {GROUP_VALUES}[2] END), '') AS account_group,
            {account} AS account_property,
            {internal} AS internal_property,
            CASE WHEN {_is_email("user_id")} THEN {_domain("user_id")}
                WHEN contains(user_properties, '"email"') AND {_is_email(email)} THEN {_domain(email)}
                END AS email_domain,
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


@cache
def _probe() -> str:
    with duckdb.connect() as con:
        return str(con.execute("SELECT hash(1::BIGINT, 'a', 'b')").fetchall())


def pointer(*keys: str) -> str:
    """JSON pointer (RFC 6901) to a nested key; any text is a valid key."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _user_property(path: str) -> str:
    return f"nullif(json_extract_string(user_properties, getvariable('{path}'))[1], '')"


def _is_email(expression: str) -> str:
    return f"({expression} LIKE '%_@_%._%' AND {expression} NOT LIKE '%@%@%' AND {expression} NOT LIKE '% %')"


def _domain(address: str) -> str:
    return f"lower(split_part({address}, '@', 2))"
