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

from assets.amplitude.privacy import Privacy
from assets.amplitude.schema import LAKE_COLUMNS, PROMOTED, pointer
from assets.company.model import Company

# Raise when an expression below changes its meaning: existing segments are then promoted again.
PROMOTION_VERSION = 2


@dataclass(frozen=True)
class Promotion:
    """What is promoted: the group type and the user and event property names of one company. ``privacy``: what of
    the rest may stay."""

    group_type: str
    account_property: str | None
    internal_property: str | None
    feature_properties: tuple[str, ...]
    privacy: Privacy

    @classmethod
    def of(cls, company: Company) -> Promotion:
        events = company.events
        return cls(
            events.account_group_type,
            events.account_user_property,
            events.internal.user_property,
            tuple(sorted(set(company.feature_properties))),
            Privacy.of(company),
        )

    @property
    def digest(self) -> str:
        """Names this promotion in the ledger. It includes a probe of DuckDB's hash function, whose values may
        change with its version: then ``insert_hash`` is computed again everywhere."""
        return hashlib.sha256(json.dumps([PROMOTION_VERSION, self.settings(), _probe()]).encode()).hexdigest()[:16]

    def settings(self) -> dict[str, object]:
        """What the ledger remembers of a promotion, to know later what was kept under it."""
        return {
            "group_type": self.group_type,
            "account_property": self.account_property,
            "internal_property": self.internal_property,
            "feature_properties": list(self.feature_properties),
            "privacy": self.privacy.settings,
        }

    def bind(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        """Set the variables that ``sql`` reads, for this connection; by way of a file in ``scratch``, because the
        first parameter bound from Python makes DuckDB import pandas: seconds of CPU and 100 MB."""
        variables = {
            "group_paths": [pointer(self.group_type, "0"), pointer(self.group_type)],
            "account_path": [pointer(self.account_property or "")],
            "internal_path": [pointer(self.internal_property or "")],
            "feature_names": list(self.feature_properties),
            "feature_paths": [pointer(name) for name in self.feature_properties],
            **self.privacy.variables(),
        }
        draft = scratch / "promotion.json"
        draft.write_text(json.dumps(variables), encoding="utf-8")
        columns = ", ".join(f"{name}: 'VARCHAR[]'" for name in variables)
        path = str(draft).replace("'", "''")
        for name in variables:
            source = f"read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})"
            con.execute(f"SET VARIABLE {name} = (SELECT {name} FROM {source})")
        draft.unlink()
        self.privacy.bind(con)

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
            {self.privacy.folded_user_id()} AS user_id_folded,
            {self._features()} AS feature_properties,
            {INSERT_HASH} AS insert_hash"""

    def sql_again(self, file: str, former: dict[str, object] | None) -> str:
        """A query for a lake file with its promoted columns computed anew.

        ``former``: the settings it was promoted under. Where those did not keep everything, a value that can no
        longer be computed is taken over as long as the same property is asked for in the same place.
        """
        kept = ", ".join(name for name in LAKE_COLUMNS if name not in PROMOTED)
        carried = self._carried(former) if former and former["privacy"] != [None, None, None] else {}
        old = "".join(f", {name} AS former_{name}" for name in carried)
        renamed = "".join(f", {name} AS new_{name}" for name in PROMOTED)
        final = "".join(f", {carried.get(name, f'new_{name}')} AS {name}" for name in PROMOTED)
        computed = f"SELECT *, {self.sql()} FROM (SELECT {kept}{old} FROM {file})"
        source = f"SELECT {kept}{''.join(f', former_{name}' for name in carried)}{renamed} FROM ({computed})"
        return f"SELECT {self.privacy.kept_columns()} FROM (SELECT {kept}{final} FROM ({source}))"

    def _carried(self, former: dict[str, object]) -> dict[str, str]:
        carried = {"email_domain": "former_email_domain", "user_id_folded": "former_user_id_folded"}
        for name in ("account_property", "internal_property"):
            if former[name] is not None and former[name] == getattr(self, name):
                carried[name] = f"coalesce(new_{name}, former_{name})"
        if self.feature_properties:
            values = f"""list_transform({_NAMES}, lambda name: coalesce(
                map_extract(new_feature_properties, name)[1], map_extract(former_feature_properties, name)[1]))"""
            carried["feature_properties"] = _map_of(_NAMES, values)
        return carried

    def _features(self) -> str:
        if not self.feature_properties:
            return "CAST(MAP {} AS MAP(VARCHAR, VARCHAR))"
        return _map_of(_NAMES, "json_extract_string(event_properties, getvariable('feature_paths'))")


def _map_of(names: str, values: str) -> str:
    """SQL: a map of two lists, without the entries that have no value."""
    return f"""coalesce(map_from_entries(list_filter(list_zip({names}, {values}), lambda entry: entry[2] IS NOT NULL)),
        CAST(MAP {{}} AS MAP(VARCHAR, VARCHAR)))"""


_NAMES = "getvariable('feature_names')"
GROUP_VALUES = "json_extract_string(groups, getvariable('group_paths'))"
# Null when either part is null: such an event is never a repeat of another.
INSERT_HASH = "CASE WHEN device_id IS NOT NULL AND insert_id IS NOT NULL THEN hash(app, device_id, insert_id) END"


@cache
def _probe() -> str:
    with duckdb.connect() as con:
        return str(con.execute("SELECT hash(1::BIGINT, 'a', 'b')").fetchall())


def _user_property(path: str) -> str:
    return f"nullif(json_extract_string(user_properties, getvariable('{path}'))[1], '')"


def _is_email(expression: str) -> str:
    return f"({expression} LIKE '%_@_%._%' AND {expression} NOT LIKE '%@%@%' AND {expression} NOT LIKE '% %')"


def _domain(address: str) -> str:
    return f"lower(split_part({address}, '@', 2))"
