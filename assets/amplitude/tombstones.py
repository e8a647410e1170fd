"""Tombstones: what keeps erased users from coming back with the next export.

The ledger holds no erased id, only digests salted with a random number of its own. An id can be checked against them;
it cannot be read from them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from assets.amplitude.ledger import Ledger
from assets.company.user_hash import UserHash

SALT = "erasure_salt"
# What a tombstone matches. ``anonymous``: events without a user id on the device; the others: all events with the id.
_COLUMNS = {"user": "user_id", "device": "device_id", "amplitude": "amplitude_id", "anonymous": "device_id"}
KINDS = ("user", "device", "amplitude")


@dataclass(frozen=True)
class Tombstones:
    """The digests as a landing needs them. ``mark`` replaces the user id of a row that must go; it is random, so that
    no id can be it."""

    salt: str = field(repr=False)
    digests: tuple[tuple[str, str], ...]
    mark: str = field(default_factory=lambda: secrets.token_hex(16), compare=False)

    @classmethod
    def of(cls, ledger: Ledger) -> Tombstones | None:
        """All that the ledger holds; None when nobody was ever erased."""
        rows = ledger.con.execute("SELECT kind, digest FROM tombstones ORDER BY kind, digest").fetchall()
        salt = ledger.meta(SALT)
        return cls(salt, tuple(rows)) if rows and salt else None

    def bind(self, con: duckdb.DuckDBPyConnection) -> None:
        """Hand the digests over to a connection."""
        con.execute(f"SET VARIABLE {SALT} = '{self.salt}'")
        con.execute("CREATE OR REPLACE TEMP TABLE tombstones (kind VARCHAR, digest VARCHAR)")
        for start in range(0, len(self.digests), 1_000):
            values = ", ".join(f"('{kind}', '{digest}')" for kind, digest in self.digests[start : start + 1_000])
            con.execute(f"INSERT INTO tombstones VALUES {values}")

    def matches(self, kinds: Iterable[str] = tuple(_COLUMNS)) -> str:
        """SQL: whether a row is of somebody who was erased; never null."""
        found = {kind for kind, _ in self.digests}
        terms = [_matches(kind) for kind in kinds if kind in found]
        return f"({' OR '.join(terms)})" if terms else "false"


def salted(column: str, kind: str) -> str:
    """SQL: the digest of a column's value under the bound salt."""
    return f"sha256(concat(getvariable('{SALT}'), '{_prefix(kind)}', {column}))"


def _matches(kind: str) -> str:
    column = _COLUMNS[kind]
    known = f"{salted(column, kind)} IN (SELECT digest FROM tombstones WHERE kind = '{kind}')"
    term = f"({column} IS NOT NULL AND {known})"
    return f"({term} AND nullif(user_id, '') IS NULL)" if kind == "anonymous" else term


def _prefix(kind: str) -> str:
    """Keeps an id of one kind from being taken for one of another; a device is a device in both of its kinds."""
    return f"{'device' if kind == 'anonymous' else kind}:"


def ask(ledger: Ledger, kind: str, values: Iterable[str], user_hash: UserHash | None) -> None:
    """Write tombstones that wait to be carried out. Within a transaction of the ledger.

    A user id gets one for itself, which landing compares with, and one for its hash, which the lake holds.
    """
    salt = ledger.meta(SALT)
    if salt is None:
        salt = secrets.token_hex(32)
        ledger.set_meta(SALT, salt)
    forms = [form for value in values for form in _forms(kind, value, user_hash)]
    write(ledger, kind, [hashlib.sha256((salt + _prefix(kind) + form).encode()).hexdigest() for form in forms])


def _forms(kind: str, value: str, user_hash: UserHash | None) -> list[str]:
    return [value, user_hash.hashed(value)] if kind == "user" and user_hash else [value]


def write(ledger: Ledger, kind: str, digests: Iterable[str]) -> None:
    """Write tombstones by digest, waiting to be carried out. Within a transaction of the ledger."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    ledger.con.executemany(
        "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, NULL)", [(kind, digest, now) for digest in digests]
    )


def are_waiting(ledger: Ledger) -> bool:
    """Whether some erasure was asked for and not carried out to its end."""
    return bool(ledger.con.execute("SELECT 1 FROM tombstones WHERE done_at IS NULL").fetchone())
