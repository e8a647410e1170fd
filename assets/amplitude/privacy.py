"""What may reach the lake: properties on the allow-list, user ids as they are or hashed, nobody who was erased.

All of it is done by the one query that lands a line. Names of properties, the key and what identifies an erased user
are bound to DuckDB variables and tables: none of them is ever part of a SQL text.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.amplitude.schema import LAKE_COLUMNS, pointer
from assets.amplitude.tombstones import Tombstones
from assets.company.model import Company
from assets.company.user_hash import PREFIX, UserHash

# Properties that describe users or their groups; those of groups have no list of their own.
_OF_USERS = ("user_properties", "global_user_properties")


@dataclass(frozen=True)
class Privacy:
    """One company's rules; ``None`` keeps all properties of a kind. ``erased``: users whose events are not landed."""

    event_properties: tuple[str, ...] | None = None
    user_properties: tuple[str, ...] | None = None
    user_hash: UserHash | None = None
    erased: Tombstones | None = None

    @classmethod
    def of(cls, company: Company) -> Privacy:
        """Raises InputError when ids are to be hashed and there is no key."""
        kept = company.events.keep_properties
        event = None if kept is None or kept.event is None else tuple(sorted(kept.event))
        user = None if kept is None or kept.user is None else tuple(sorted(kept.user))
        return cls(event, user, UserHash.of(company))

    @property
    def is_set(self) -> bool:
        """Whether the lake holds less than Amplitude sent, erased users aside."""
        return self.settings != [None, None, None]

    @property
    def settings(self) -> list[object]:
        """What tells this from other rules, for digests."""
        return [self.event_properties, self.user_properties, self.user_hash and self.user_hash.key_id]

    @property
    def keeps_raw_lines(self) -> bool:
        """Whether a line that cannot be read may be kept: what is in it cannot be told from what must not be."""
        return not self.is_set and self.erased is None

    @property
    def user_ids(self) -> str:
        """How the lake writes user ids, as the ledger remembers it."""
        return f"hashed with key {self.user_hash.key_id}" if self.user_hash else "plain"

    def variables(self) -> dict[str, list[str]]:
        """Lists of text that the expressions read, by name of the variable."""
        found: dict[str, list[str]] = {}
        for kind, names in (("event", self.event_properties), ("user", self.user_properties)):
            found[f"kept_{kind}_names"] = list(names or ())
            found[f"kept_{kind}_paths"] = [pointer(name) for name in names or ()]
        return found

    def bind(self, con: duckdb.DuckDBPyConnection) -> None:
        """Hand over the key and the erased users. The key goes as a parameter, never as text."""
        if self.user_hash:
            for name, pad in zip(("hash_inner", "hash_outer"), self.user_hash.pads(), strict=True):
                con.execute(f"SET VARIABLE {name} = ?", [pad])
        if self.erased:
            self.erased.bind(con)

    def landed_columns(self) -> str:
        """Select list of the lake's columns, over a relation that holds them as Amplitude sent them."""
        user_id = self._hashed("nullif(user_id, '')") if self.user_hash else "user_id"
        if self.erased:
            user_id = f"CASE WHEN {self.erased.matches()} THEN '{self.erased.mark}' ELSE {user_id} END"
        return self._columns({} if user_id == "user_id" else {"user_id": user_id})

    def kept_columns(self) -> str:
        """The same over what lies in the lake already, where user ids stay as they are."""
        return self._columns({})

    def folded_user_id(self) -> str:
        """The hash of the lower-case id where that is another one: what rules about user ids compare with."""
        if self.user_hash is None:
            return "CAST(NULL AS VARCHAR)"
        return f"CASE WHEN lower(user_id) <> user_id THEN {self._hashed('lower(user_id)')} END"

    @staticmethod
    def _hashed(user_id: str) -> str:
        inner = f"unhex(sha256(getvariable('hash_inner') || encode({user_id})))"
        return f"'{PREFIX}' || sha256(getvariable('hash_outer') || {inner})"

    def _columns(self, changed: dict[str, str]) -> str:
        changed = dict(changed)
        if self.event_properties is not None:
            changed["event_properties"] = _only_kept("event_properties", "event")
        if self.user_properties is not None:
            changed |= {name: _only_kept(name, "user") for name in _OF_USERS}
            changed["group_properties"] = "CAST(NULL AS VARCHAR)"
        return ", ".join(f"{changed[name]} AS {name}" if name in changed else name for name in LAKE_COLUMNS)


def _only_kept(column: str, kind: str) -> str:
    """A JSON object with the listed keys only, their values whole; what is no object has no keys and becomes NULL."""
    values = f"json_extract({column}, getvariable('kept_{kind}_paths'))"
    pairs = f"list_filter(list_zip(getvariable('kept_{kind}_names'), {values}), lambda pair: pair[2] IS NOT NULL)"
    texts = f"list_transform({pairs}, lambda pair: to_json(pair[1]) || ':' || pair[2])"
    return f"CASE WHEN starts_with({column}, '{{') THEN '{{' || array_to_string({texts}, ',') || '}}' END"
