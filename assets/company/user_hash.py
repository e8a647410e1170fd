"""Keyed hashing of user ids (``events.hash_user_ids``): the same id gives the same hash everywhere, and nobody without
the key can tell which id a hash stands for, or try ids until one fits."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from assets.company.model import Company
from assets.company.secrets import secret
from assets.errors import InputError

KEY = "LENS_HASH_KEY"
PREFIX = "u_"
_SHORTEST = 32
_BLOCK = 64  # of SHA-256, in bytes


@dataclass(frozen=True)
class UserHash:
    """HMAC-SHA-256 under the company's key, as ``u_`` and 64 hexadecimal digits."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, company: Company) -> UserHash | None:
        """The company's hash, None when it keeps ids as they are. Raises InputError without a key to hash with."""
        if not company.events.hash_user_ids:
            return None
        key = secret(company.folder, KEY)
        if key is None or len(key) < _SHORTEST:
            raise InputError(
                "events.hash_user_ids needs a key to hash with, and there is none"
                if key is None
                else f"the key to hash user ids with is shorter than {_SHORTEST} characters",
                where=f"{KEY} in the environment or in {company.folder / '.env'}",
                mend='make one once, keep it safe: python3 -c "import secrets; print(secrets.token_hex(32))"',
            )
        return cls(key.encode())

    @property
    def key_id(self) -> str:
        """Names the key without telling anything about it."""
        return hmac.new(self.key, b"key id", hashlib.sha256).hexdigest()[:12]

    def hashed(self, user_id: str) -> str:
        """What stands for a user id in lake, warehouse and marts."""
        return PREFIX + hmac.new(self.key, user_id.encode(), hashlib.sha256).hexdigest()

    def pads(self) -> tuple[bytes, bytes]:
        """The inner and outer pad of HMAC (RFC 2104), so that an engine which knows only SHA-256 can compute it."""
        key = hashlib.sha256(self.key).digest() if len(self.key) > _BLOCK else self.key
        block = key.ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
