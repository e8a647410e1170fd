"""The people who use the product, and the devices they use it on, as columns of numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.features import ROLES
from pipelines.sandbox.spec import SandboxSpec

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_USERS = {"smb": 3.0, "mid_market": 9.0, "enterprise": 26.0}
_INTERNAL_USERS = 6
# How a user's events name the account (the first that answers wins in the pipeline)
BY_GROUP, BY_PROPERTY, BY_MEMBERSHIP, BY_NOTHING, BY_UNKNOWN_GROUP = range(5)


@dataclass(frozen=True)
class Users:
    """One entry per user. ``account`` indexes the account list (−1 = belongs to none); ``joins`` and ``quits`` are
    local days as ordinals, half-open; ``rate`` is the chance of being active on a working day; ``naming`` is one of
    the BY_ constants; internal users act for ``account`` too but are staff."""

    account: Ints
    role: Ints
    joins: Ints
    quits: Ints
    rate: Floats
    naming: Ints
    is_internal: NDArray[np.bool_]
    is_european: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.account)


def draw_users(spec: SandboxSpec, accounts: list[Account], seed: int) -> Users:
    """Users of every account, then a few people without an account, then the company's own staff."""
    rng = np.random.default_rng([seed, 11])
    counts = np.array([1 + rng.poisson(_USERS[a.size]) if not a.is_internal_test else 0 for a in accounts])
    account = np.repeat(np.arange(len(accounts)), counts)
    starts = np.array([a.start.toordinal() for a in accounts])
    strays = max(3, len(account) // 150)
    strangers = np.full(strays, -1)
    staff = np.where(
        np.arange(_INTERNAL_USERS) % 3 == 2, rng.integers(0, len(accounts) - 1, _INTERNAL_USERS), len(accounts) - 1
    )
    owner = np.concatenate([account, strangers, staff])
    total, first = len(owner), np.zeros(len(owner), bool)
    first[np.concatenate([[0], np.cumsum(counts)[:-1]])[counts > 0]] = True
    begin = np.where(owner >= 0, starts[owner], spec.first_usage_day.toordinal() + rng.integers(0, spec.days, total))
    joins = begin + np.where(first, 0, rng.exponential(45, total)).astype(np.int64)
    quits = np.where(
        first | (rng.random(total) > 0.12),
        date.max.toordinal(),
        joins + 30 + rng.exponential(200, total).astype(np.int64),
    )
    is_internal = np.arange(total) >= total - _INTERNAL_USERS
    luck = rng.random(total)
    naming = np.select(
        [first, luck < 0.88, luck < 0.93, luck < 0.995],
        [BY_GROUP, BY_GROUP, BY_PROPERTY, BY_MEMBERSHIP],
        BY_UNKNOWN_GROUP,
    )
    naming = np.where(owner < 0, BY_NOTHING, np.where(is_internal, BY_GROUP, naming))
    role = np.where(first, 0, rng.choice(len(ROLES), total, p=(0.1, 0.3, 0.6)))
    rate = np.clip(rng.beta(2.2, 3.4, total) * np.where(role == 2, 0.8, 1.15), 0.03, 0.95)
    european = np.array([a.currency == "EUR" for a in accounts] + [False])
    return Users(owner, role, joins, quits, rate, naming, is_internal, european[owner])
