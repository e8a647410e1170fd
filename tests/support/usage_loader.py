"""Loads usage chunk by chunk into a build warehouse, planning what to rebuild as a refresh does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from support import raw_money
from support.usage_reference import Reference, Row
from support.usage_world import UsageHome

BEGINNING = date(1900, 1, 1)


class Loader:
    """Feeds a warehouse chunk by chunk and plans what to rebuild as a refresh does."""

    def __init__(self, home: UsageHome, tables: dict[str, Any]) -> None:
        self.home, self.tables, self.loaded = home, tables, list[Row]()
        home.fill({**tables, "amplitude_events": [], "amplitude_hours": []})
        self.is_new = True

    def local_date(self, event: Row) -> date:
        return Reference(self.tables, date.max).local_date(event)

    def load(
        self,
        chunk: Sequence[Row],
        hours: list[Row],
        as_of: str,
        times: int = 1,
        merges: Sequence[Row] | None = None,
        gone: Sequence[Row] = (),
    ) -> None:
        """Land a chunk; the lake then shows the events of the touched dates and no others. ``times`` > 1 repeats the
        build of the same plan, as after a crash. ``gone`` are events found to repeat others; ``merges`` replace those
        known so far."""
        self.loaded = [event for event in self.loaded if event not in gone] + list(chunk)
        self.tables["amplitude_merges"] = list(self.tables.get("amplitude_merges", ()) if merges is None else merges)
        dates = {self.local_date(event) for event in [*chunk, *gone]}
        money_moved = [raw_money.state("minimum", as_of, has_entitlements=True)] != self.tables.get("finance_state")
        self.tables["finance_state"] = [raw_money.state("minimum", as_of, has_entitlements=True)]
        shown = [event for event in self.loaded if self.is_new or self.local_date(event) in dates]
        marts_from = min([*dates, *self._first_unsure(hours)], default=None)
        self.home.replan(
            {**self.tables, "amplitude_events": shown, "amplitude_hours": hours}, sorted(dates),
            marts_from=marts_from, adoption_from=BEGINNING if money_moved else marts_from,
        )  # fmt: skip
        for left in reversed(range(times)):
            self.home.run(full_refresh=self.is_new, money_moved=money_moved, is_killed=left > 0)
        self.is_new = False

    def _first_unsure(self, hours: list[Row]) -> list[date]:
        """The day after the watermark of the last build, and the day of the first hour that is not final."""
        if self.is_new:
            return []
        ((watermark,),) = self.home.query("SELECT usage_watermark FROM intermediate.int_usage__watermarks")
        held = [row["upload_hour"].date() - timedelta(days=1) for row in hours if row["state"] == "partial"]
        return [watermark + timedelta(days=1) if watermark else BEGINNING, *held]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        return self.home.contents()
