"""Merges the small files of finished upload days, so that a day landed hour by hour reads like one landed whole."""

from __future__ import annotations

from itertools import groupby

from assets.amplitude.commit import merge_segments
from assets.amplitude.convert import Converter, make_durable
from assets.amplitude.land_unit import content_digest, lake_file
from assets.amplitude.ledger import FINAL_STATES, Ledger
from assets.amplitude.ledger_tables import Segment

# Files from this size on are left alone: landing a whole day writes bigger ones, which must not be written twice.
SMALL_BYTES, MERGED_BYTES = 2 << 20, 8 << 20
_DAY = 24


def compact(ledger: Ledger, converter: Converter) -> None:
    """Merge, day by day; each day is one change of the ledger that touches no event."""
    small = ledger.segments("settled AND bytes < ?", SMALL_BYTES)
    by_day = [(day, list(group)) for day, group in groupby(sorted(small, key=_order), key=_day)]
    crowded = [(day, group) for day, group in by_day if len(group) > 1]
    if not crowded:
        return
    final = _final_days(ledger)
    for day, group in crowded:
        for batch in _batches(group) if day in final else ():
            _merge(ledger, converter, batch)


def _day(segment: Segment) -> int:
    return min(segment.hours) // _DAY


def _order(segment: Segment) -> tuple[int, int, str]:
    return _day(segment), min(segment.hours), segment.file


def _final_days(ledger: Ledger) -> set[int]:
    """Upload days with all 24 hours final and a later day landed."""
    hours = ledger.hours()
    newest = max((h for (h,) in ledger.con.execute("SELECT max(hour) FROM hours") if h is not None), default=0)
    open_days = {(h.upload_hour.toordinal()) for h in hours if h.state not in FINAL_STATES}
    epoch = 719_163  # ordinal of 1970-01-01
    days = {h.upload_hour.toordinal() - epoch for h in hours}
    return {day for day in days if day + epoch not in open_days and day < newest // _DAY}


def _batches(group: list[Segment]) -> list[list[Segment]]:
    """Neighbours whose sizes add up to a file that is still small enough to be handled whole."""
    batches: list[list[Segment]] = [[]]
    for segment in group:
        if batches[-1] and sum(s.bytes for s in batches[-1]) + segment.bytes > MERGED_BYTES:
            batches.append([])
        batches[-1].append(segment)
    return [batch for batch in batches if len(batch) > 1]


def _merge(ledger: Ledger, converter: Converter, batch: list[Segment]) -> None:
    files = [ledger.lake / segment.file for segment in batch]
    piece = converter.rewrite(files, converter.scratch / "merged.parquet")
    name = lake_file(min(batch[0].hours), content_digest([segment.file for segment in batch]))
    make_durable(piece.path, ledger.lake / name)
    merge_segments(ledger, batch, ledger.lake / name, piece.facts)
