"""Progress on a terminal: bars for a person, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from assets.progress import Progress as Listener
from assets.progress import silent

_PLAIN_EVERY_SECONDS = 10.0
_listener: Listener = silent


def tell(stage: str, done: int, total: int) -> None:
    """Passes on to whoever listens in this process; in a Dagster worker nobody does."""
    _listener(stage, done, total)


class _Bars:
    """One bar a stage; a new stage finishes the former one."""

    def __init__(self, bars: Progress) -> None:
        self.bars, self.tasks = bars, dict[str, TaskID]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total or None)
        self.bars.update(self.tasks[stage], completed=done, total=total or None)


class _Lines:
    """A line when a stage begins, ends, and now and then between."""

    def __init__(self, console: Console) -> None:
        self.console, self.said = console, dict[str, float]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage in self.said and done < total and now - self.said[stage] < _PLAIN_EVERY_SECONDS:
            return
        if stage in self.said and done >= total and self.said[stage] == float("inf"):
            return
        self.said[stage] = float("inf") if total and done >= total else now
        self.console.print(f"{stage}: {done:,} of {total:,}" if total else stage)


@contextmanager
def shown(console: Console) -> Iterator[None]:
    """Show progress while the block runs."""
    global _listener
    if not console.is_terminal:
        _listener = _Lines(console)
        try:
            yield
        finally:
            _listener = silent
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        _listener = _Bars(bars)
        try:
            yield
        finally:
            _listener = silent
