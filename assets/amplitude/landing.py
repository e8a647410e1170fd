"""Landing: from the export folder to the lake. Two workers convert, the one thread that owns the ledger commits."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from assets.amplitude.archive import hour_start
from assets.amplitude.commit import commit, replace_segment
from assets.amplitude.compaction import compact
from assets.amplitude.convert import Converter, make_durable
from assets.amplitude.erasure import carry_out, drop_archives, sweep, with_tombstones
from assets.amplitude.land_unit import UnitLanding, content_digest, lake_file, land_unit
from assets.amplitude.ledger import Ledger
from assets.amplitude.ledger_tables import HourState
from assets.amplitude.merges import land_merge_files
from assets.amplitude.planning import LandingPlan, Unit, plan
from assets.amplitude.promotion import Promotion
from assets.amplitude.quarantine import RAW_LINES, drop_raw_lines
from assets.amplitude.repeats import settle
from assets.amplitude.switching import note_traces, remember, start_over
from assets.company.model import Company
from assets.home import Home
from assets.progress import Progress, silent

__all__ = ["Landing", "LandingPlan", "LandingResult", "land", "plan"]

WORKERS = 2
_COMMIT_SECONDS = 0.5


@dataclass
class LandingResult:
    """Counts over the upload hours that a landing read, as the ledger holds them afterwards, and the same for each
    upload day (UTC): records = staged + duplicates + quarantined + erased; late resends are among the staged."""

    hours: int = 0
    records: int = 0
    staged: int = 0
    duplicates: int = 0
    late_resends: int = 0
    quarantined: int = 0
    erased: int = 0
    bytes: int = 0
    by_day: dict[date, LandingResult] = field(default_factory=dict)

    def add(self, hour: HourState) -> None:
        self.hours += 1
        for name in ("records", "staged", "duplicates", "late_resends", "quarantined", "erased", "bytes"):
            setattr(self, name, getattr(self, name) + getattr(hour, name))


def land(home: Home, company: Company, plan: LandingPlan, progress: Progress | None = None) -> LandingResult:
    """Land a plan: convert, switch the hours, decide what repeats, merge small files of finished days.

    Whatever is committed stays; after a crash the same plan, made again, ends in the same lake. Raises InputError
    only for archives that vanished meanwhile.
    """
    with Landing(home, company, progress or silent) as landing:
        landing.take(plan)
        return landing.finish()


class Landing:
    """A landing that stays open for several plans: engines and workers start once, repeats are decided at the end."""

    def __init__(self, home: Home, company: Company, progress: Progress) -> None:
        self._promotion, self._tell = Promotion.of(company), progress
        self._lake, self._scratch = home.amplitude_lake, home.amplitude_lake / "scratch"
        self._home = home
        self._hours: set[int] = set()
        self._done = self._total = 0
        self._is_open = self._has_landed = self._has_promoted = False

    def __enter__(self) -> Landing:
        self._ledger = Ledger.open(self._home)
        sweep(self._ledger)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._ledger.close()

    def _start(self) -> None:
        """Engines are made when the first plan has something for them, after whom it asks to erase has left."""
        if self._is_open:
            return
        carry_out(self._ledger, self._promotion, self._tell)
        self._promotion = with_tombstones(self._ledger, self._promotion)
        _note(self._ledger, self._promotion)
        self._converter = Converter(self._scratch, self._promotion, threads=2)
        self._workers = _Workers(self._scratch, self._promotion)
        self._is_open = self._has_landed = True
        _keep_less(self._ledger, self._converter)

    def _stop(self) -> None:
        if self._is_open:
            self._workers.close()
            self._converter.close()
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._is_open = False

    def take(self, plan: LandingPlan) -> None:
        """Land the hours of a plan; their repeats stay undecided until ``finish``."""
        if plan.start_over:
            start_over(self._ledger, self._promotion.privacy)
            sweep(self._ledger)
        remember(self._ledger, self._promotion.privacy)
        if plan.is_empty:
            return
        self._start()
        if plan.promote_again:
            self._has_promoted = True
            _promote_again(self._ledger, self._converter, self._promotion, self._tell)
        self._total += plan.bytes
        for batch in self._landed(plan.units):
            commit(self._ledger, self._converter, batch, self._promotion.digest)
        self._hours |= {hour for unit in plan.units for hour in unit.hours}

    def finish(self) -> LandingResult:
        """Decide what repeats, merge small files; what all plans together landed."""
        if self._is_open:
            self._tell("deduplicating events", 0, 0)
            settle(self._ledger, self._converter)
            land_merge_files(self._ledger)
            compact(self._ledger, self._converter)
            self._stop()
        drop_archives(self._ledger)
        if self._has_promoted:
            sweep(self._ledger)  # the former files may hold properties that must not be kept any more
        return _result(self._ledger, self._hours) if self._has_landed else LandingResult()

    def _landed(self, units: tuple[Unit, ...]) -> Iterator[list[UnitLanding]]:
        """Landed units in small batches, as they come."""
        futures: list[Future[UnitLanding]] = [
            self._workers.pool.submit(self._workers.land, unit, self._lake) for unit in units
        ]
        batch: list[UnitLanding] = []
        since = time.monotonic()
        for future in as_completed(futures):
            batch.append(future.result())
            self._done += batch[-1].unit.bytes
            self._tell("landing events (bytes)", self._done, self._total)
            if time.monotonic() - since > _COMMIT_SECONDS:
                yield batch
                batch, since = [], time.monotonic()
        if batch:
            yield batch


def _note(ledger: Ledger, promotion: Promotion) -> None:
    """Remember what the files to be written are made of."""
    with ledger.transaction():
        ledger.con.execute(
            "INSERT OR IGNORE INTO promotions VALUES (?, ?)", [promotion.digest, json.dumps(promotion.settings())]
        )
        if promotion.privacy.keeps_raw_lines:
            ledger.set_meta(RAW_LINES, "kept")


def _keep_less(ledger: Ledger, converter: Converter) -> None:
    """Quarantined lines go where the company, or an erasure, does not let everything be kept."""
    if not converter.promotion.privacy.keeps_raw_lines and drop_raw_lines(ledger, converter):
        with ledger.transaction():
            note_traces(ledger)


class _Workers:
    """Threads with a DuckDB of their own each; DuckDB, inflate and file access all run outside Python's lock."""

    def __init__(self, scratch: Path, promotion: Promotion) -> None:
        self._own = threading.local()
        self._converters: list[Converter] = []
        self._scratch, self._promotion, self._digest = scratch, promotion, promotion.digest
        self.pool = ThreadPoolExecutor(WORKERS, "landing")

    def land(self, unit: Unit, lake: Path) -> UnitLanding:
        if not hasattr(self._own, "converter"):
            self._own.converter = Converter(self._scratch / str(threading.get_ident()), self._promotion)
            self._converters.append(self._own.converter)
        return land_unit(self._own.converter, unit, lake, self._digest)

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)
        for converter in self._converters:
            converter.close()


def _promote_again(ledger: Ledger, converter: Converter, promotion: Promotion, tell: Progress) -> None:
    """Give kept files the promoted columns that the company folder asks for now."""
    stale = ledger.segments("promotion <> ?", promotion.digest)
    former = {name: json.loads(text) for name, text in ledger.con.execute("SELECT digest, settings FROM promotions")}
    for done, segment in enumerate(stale, 1):
        source = ledger.lake / segment.file
        draft = converter.scratch / "promoted.parquet"
        piece = converter.promote_again(source, draft, former.get(segment.promotion))
        name = lake_file(min(segment.hours), content_digest([segment.file, promotion.digest]))
        make_durable(piece.path, ledger.lake / name)
        replace_segment(ledger, segment, name, piece.facts, promotion.digest)
        tell("promoting columns again", done, len(stale))


def _result(ledger: Ledger, hours: set[int]) -> LandingResult:
    landed = {hour_start(hour) for hour in hours}
    result = LandingResult()
    for hour in ledger.hours():
        if hour.upload_hour in landed:
            result.add(hour)
            result.by_day.setdefault(hour.upload_hour.date(), LandingResult()).add(hour)
    return result
