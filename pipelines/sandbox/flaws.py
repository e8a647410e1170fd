"""What goes wrong on the way to an export: late uploads, wrong clocks, and events that arrive more than once."""

from __future__ import annotations

import numpy as np

from pipelines.sandbox.events import CLOCK_LATE, CLOCK_WRONG, RESENT, RESENT_LATE, SAME_UUID, Events, Ints
from pipelines.sandbox.usage import DAY_US, SECOND_US

LATE_SHARE, WRONG_CLOCK_SHARE = 0.012, 0.0004
SAME_UUID_SHARE, RESENT_SHARE, RESENT_LATE_SHARE = 0.0015, 0.003, 0.0006
_RESENT_NUMBER = 5 * 10**15  # numbers of resent copies: far from every original's
HOUR_US = 3600 * SECOND_US


def spoil(events: Events, seed: int, stream: int) -> Events:
    """The same events with late uploads and wrong clocks, plus their planted repeats.

    A resent copy has a new uuid, the old insert id, device and event time, and a later upload: up to 6 days later it
    is a duplicate, 8 to 27 days later it is a second event. No event is repeated in more than one way.
    """
    rng = np.random.default_rng([seed, 31, stream])
    events = _wrong_clocks(_late(events, rng), rng)
    luck = rng.random(len(events))
    edges = np.cumsum([SAME_UUID_SHARE, RESENT_SHARE, RESENT_LATE_SHARE])
    same, again, late = (events.take(np.searchsorted(edges, luck) == n) for n in range(3))
    return Events.concat(
        [
            events,
            same.but(copy=np.full(len(same), SAME_UUID)),
            _resent(again, rng.integers(300 * SECOND_US, 6 * DAY_US, len(again)), RESENT),
            _resent(late, rng.integers(8 * DAY_US, 27 * DAY_US, len(late)), RESENT_LATE),
        ]
    )


def _late(events: Events, rng: np.random.Generator) -> Events:
    """Some clients are offline: their events are uploaded hours or days after they happened."""
    is_late = rng.random(len(events)) < LATE_SHARE
    delay = np.where(is_late, np.minimum(rng.exponential(0.9 * DAY_US, len(events)), 6.5 * DAY_US), 0).astype(np.int64)
    return events.but(
        received_us=events.received_us + delay,
        upload_us=events.upload_us + delay,
        clock=np.where(delay > HOUR_US, CLOCK_LATE, events.clock),
    )


def _wrong_clocks(events: Events, rng: np.random.Generator) -> Events:
    """A few clients live in the future: their event_time lies 2 to 400 days after the event was received."""
    is_wrong = (rng.random(len(events)) < WRONG_CLOCK_SHARE) & (events.clock != CLOCK_LATE)
    ahead = rng.integers(2, 400, len(events)) * DAY_US
    return events.but(
        event_us=np.where(is_wrong, events.event_us + ahead, events.event_us),
        clock=np.where(is_wrong, CLOCK_WRONG, events.clock),
    )


def _resent(events: Events, after: Ints, copy: int) -> Events:
    return events.but(
        number=events.number + _RESENT_NUMBER,
        received_us=events.received_us + after,
        upload_us=events.upload_us + after,
        copy=np.full(len(events), copy),
    )
