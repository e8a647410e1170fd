"""The usage model: which users are active on which day, in which sessions, using which features.

Everything is drawn for a chunk of days at once; a chunk has its own random stream, so the output does not depend on
what was drawn before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.catalogue import LINES, SIZE_SEGMENTS
from pipelines.sandbox.events import CLOCK_RIGHT, ORIGINAL, Events, Ints
from pipelines.sandbox.features import FEATURES, KINDS, UNMAPPED, kinds_of
from pipelines.sandbox.launches import effects
from pipelines.sandbox.spec import TIME_ZONE, SandboxSpec
from pipelines.sandbox.users import BY_GROUP, BY_MEMBERSHIP, Floats, Users

DAY_US, SECOND_US = 86_400_000_000, 1_000_000
SESSIONS_A_DAY = 1.3
_LEAST_A_SESSION = 7  # records; where volume is low people come less often rather than do nothing
_NOISE_SHARE, _ANONYMOUS_SHARE, _NO_SESSION_SHARE = 0.06, 0.004, 0.02
_HOURS = np.array([0.1, 0.05, 0.05, 0.05, 0.1, 0.3, 1, 3, 7, 10, 11, 10, 7, 9, 10, 9, 8, 6, 3, 2, 1.5, 1, 0.5, 0.2])
# Positions of the kinds that belong to no feature: they close the list of all kinds
_SESSION_START, _IDENTIFY = len(KINDS) - 2, len(KINDS) - 1
_NOISE = [len(KINDS) - 2 - len(UNMAPPED) + n for n in range(len(UNMAPPED))]


@dataclass
class World:
    """All that usage is drawn from. ``entitled`` is account × line × day, ``keen`` account × day; day 0 is the first
    day with events. ``per_session`` events follow each session start, on average; ``pace`` scales how often people
    come."""

    spec: SandboxSpec
    seed: int
    accounts: list[Account]
    users: Users
    entitled: NDArray[np.bool_]
    keen: NDArray[np.float32]
    per_session: Floats = field(default_factory=lambda: np.zeros(0))
    pace: float = 1.0

    def __post_init__(self) -> None:
        self.effect = effects(self.spec, self.days)
        self.size = np.array([SIZE_SEGMENTS.index(a.size) for a in self.accounts])
        never = date.max.toordinal()
        self.adopted = np.array(
            [[a.adopted[f.key].toordinal() if f.key in a.adopted else never for f in FEATURES] for a in self.accounts]
        )
        self.weights = np.array([f.weight for f in FEATURES]) * np.array([f.roles for f in FEATURES]).T
        self.lines = np.array([LINES.index(f.line) for f in FEATURES])
        self.first = self.spec.first_usage_day.toordinal()

    @property
    def days(self) -> int:
        return int(self.keen.shape[1])

    def activity(self, begin: int, end: int) -> NDArray[np.float64]:
        """Day × user: chance that the user is active on the day."""
        users, ordinals = self.users, self.first + np.arange(begin, end)
        weekday = (ordinals - 1) % 7  # 0 = Monday
        rhythm = np.array([1.0, 1.05, 1.05, 1.0, 0.85, 0.13, 0.10])[weekday]
        if self.spec.flat_volume:  # a benchmark wants every day alike, weekends too
            rhythm = np.full(len(weekday), 0.8)
        there = (users.joins <= ordinals[:, None]) & (ordinals[:, None] < users.quits)
        keen = np.where(users.account >= 0, self.keen[:, begin:end].T[:, users.account], 1.0)
        chance: Floats = np.minimum(there * keen * users.rate * rhythm[:, None] * self.pace, 1.0)
        return chance

    def calibrate(self) -> None:
        """Set ``per_session`` so that a day carries ``events_per_day`` records: each day of a flat history, the
        mean day otherwise (busy days and later months then carry more)."""
        sessions = np.concatenate(
            [self.activity(n, min(n + 30, self.days)).sum(axis=1) * SESSIONS_A_DAY for n in range(0, self.days, 30)]
        )
        self.pace = min(1.0, self.spec.events_per_day / (sessions.mean() * _LEAST_A_SESSION))
        sessions *= self.pace
        base = sessions if self.spec.flat_volume else np.full(self.days, sessions.mean())
        self.per_session = np.maximum(self.spec.events_per_day / np.maximum(base, 1.0) - 1, 0.5)


def draw(
    world: World, begin: int, end: int, first_number: int, stream: int = 21, sessions_a_day: float = SESSIONS_A_DAY
) -> Events:
    """Every event that happens on the local days ``[begin, end)`` (offsets from the first day), in no order.

    Session starts come on top of the events in the session. Numbers count up from ``first_number``; ``stream`` names
    the random stream, ``sessions_a_day`` is the mean number of sessions of an active user.
    """
    rng = np.random.default_rng([world.seed, stream, begin])
    day, user = np.nonzero(rng.random((end - begin, len(world.users))) < world.activity(begin, end))
    again = 1 + rng.poisson(sessions_a_day - 1, len(day))
    day, user = np.repeat(day, again) + begin, np.repeat(user, again)
    start = _session_starts(world, day, user, rng)
    count = 1 + rng.poisson(np.maximum(world.per_session[day] - 1, 0))
    session = np.repeat(np.arange(len(day)), count)
    gaps = rng.exponential(40, len(session)) * SECOND_US
    walked = np.cumsum(gaps)
    first_of = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else np.zeros(0, np.int64)
    walked -= walked[first_of][session]
    when = start[session] + walked.astype(np.int64) + rng.integers(0, SECOND_US, len(session))
    kind = _kinds(world, day[session], user[session], rng)
    keep = kind >= 0
    session, when, kind = session[keep], when[keep], kind[keep]
    opened = np.unique(session)
    identified = opened[rng.random(len(opened)) < 0.03]
    all_sessions = np.concatenate([session, opened, identified])
    times = np.concatenate([when, start[opened], start[identified] + 1000])
    kinds = np.concatenate([kind, np.full(len(opened), _SESSION_START), np.full(len(identified), _IDENTIFY)])
    return _columns(world, user[all_sessions], kinds, times, start[all_sessions], first_number, rng)


def _session_starts(world: World, day: Ints, user: Ints, rng: np.random.Generator) -> Ints:
    """Start of each session: office hours of the user's own continent, on the company's local day."""
    hour = rng.choice(24, len(day), p=_HOURS / _HOURS.sum()) - np.where(world.users.is_european[user], 6, 0)
    local = np.clip(hour, 0, 23) * 3600 + rng.integers(0, 3600, len(day))
    return (
        midnights(world.spec.first_usage_day, world.days)[day]
        + local * SECOND_US
        + rng.integers(0, 1000, len(day)) * 1000
    )


def midnights(first: date, days: int) -> Ints:
    """Start of each local day, in microseconds UTC; a day on which clocks change is still one day."""
    zone = ZoneInfo(TIME_ZONE)
    begins = [datetime.combine(first + timedelta(days=n), datetime.min.time(), zone) for n in range(days)]
    return np.array([round(moment.timestamp()) * SECOND_US for moment in begins], dtype=np.int64)


def _kinds(world: World, day: Ints, user: Ints, rng: np.random.Generator) -> Ints:
    """The kind of each event: a feature by weight among what the account holds and has adopted, then one of its
    events; −1 where there is nothing to use."""
    account = world.users.account[user]
    known = np.maximum(account, 0)
    has_adopted = world.adopted[known] <= (world.first + day)[:, None]
    usable = has_adopted & world.entitled[known[:, None], world.lines, day[:, None]]
    usable[account < 0] = [feature.is_core and feature.line == "workspace" for feature in FEATURES]
    weight = (
        world.weights[world.users.role[user]]
        * usable
        * world.effect[world.size[known][:, None], np.arange(len(FEATURES)), day[:, None]]
    )
    totals = np.cumsum(weight, axis=1)
    feature = (totals < (rng.random(len(day)) * totals[:, -1])[:, None]).sum(axis=1)
    kind = _kind_of_feature(np.minimum(feature, len(FEATURES) - 1), rng)
    noise = rng.random(len(day)) < _NOISE_SHARE
    kind[noise] = rng.choice(_NOISE, int(noise.sum()), p=_shares(UNMAPPED))
    return np.where(totals[:, -1] > 0, kind, -1)


def _shares(kinds: tuple[object, ...]) -> NDArray[np.float64]:
    shares = np.array([getattr(kind, "share", 1.0) for kind in kinds])
    shares /= shares.sum()
    return shares


def _kind_of_feature(feature: Ints, rng: np.random.Generator) -> Ints:
    owns = [kinds_of(f) for f in FEATURES]
    edges = np.full((len(FEATURES), max(map(len, owns))), 2.0)
    for n, own in enumerate(owns):
        edges[n, : len(own)] = np.cumsum(_shares(tuple(KINDS[k] for k in own)))
        edges[n, len(own) - 1 :] = 2.0
    which = (edges[feature] < rng.random(len(feature))[:, None]).sum(axis=1)
    kind: Ints = np.array([own[0] for own in owns])[feature] + which
    return kind


def _columns(
    world: World, user: Ints, kind: Ints, when: Ints, session_start: Ints, first_number: int, rng: np.random.Generator
) -> Events:
    total, users = len(user), world.users
    number = first_number + np.arange(total, dtype=np.int64)
    # Every third user has a second device, used for whole sessions
    device = (session_start // SECOND_US % 4 == 0) & (user % 3 == 0)
    anonymous = (rng.random(total) < _ANONYMOUS_SHARE) & (kind != _SESSION_START)
    # Some clients name the account only when a session starts: the rest follows from the user's membership
    is_told = (users.naming[user] == BY_MEMBERSHIP) & (kind == _SESSION_START)
    naming = np.where(is_told, BY_GROUP, users.naming[user])
    session = np.where(rng.random(total) < _NO_SESSION_SHARE, -1, session_start // 1000)
    received = when + rng.integers(2, 400, total) * SECOND_US // 10
    return Events(
        number,
        number,
        user,
        users.account[user],
        device.astype(np.int64),
        anonymous.astype(np.int64),
        kind.astype(np.int64),
        naming,
        session,
        when,
        received,
        received + 1_000,
        np.full(total, CLOCK_RIGHT),
        np.full(total, ORIGINAL),
    )
