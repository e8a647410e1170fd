"""Building the sandbox company: a folder as a customer would have it, and beside it the truth about what is in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import numpy as np

from assets.errors import InputError
from pipelines.sandbox.accounts import Account, draw_accounts
from pipelines.sandbox.arr import closing_arr
from pipelines.sandbox.contracts import write_book
from pipelines.sandbox.entitlement import Stay, engagement, entitled, off_entitlement, stays
from pipelines.sandbox.events import ORIGINAL, Events
from pipelines.sandbox.export import Exporter, day_of
from pipelines.sandbox.feed import Sink, ZipFolder, server_feed
from pipelines.sandbox.flaws import HOUR_US, spoil
from pipelines.sandbox.fragments import Fragments
from pipelines.sandbox.ledger import write_billing
from pipelines.sandbox.settings_files import write_settings
from pipelines.sandbox.spec import SIZES, VERSION, SandboxSpec, local_midnight_utc
from pipelines.sandbox.tables import write_contract_tables, write_registries
from pipelines.sandbox.terms import Book
from pipelines.sandbox.truth import Tally, truth
from pipelines.sandbox.usage import SECOND_US, World, draw
from pipelines.sandbox.users import draw_users

Progress = Callable[[str, int, int], None]  # what, done, of
Via = Literal["archive", "server"]
DAY_NUMBERS = 10_000_000  # room for the numbers of one day's events
CHUNK_EVENTS = 40_000  # records drawn and written at a time: bounds memory


@dataclass(frozen=True)
class SandboxPaths:
    """Where a sandbox company is: ``company`` is the folder the pipeline reads, ``truth`` a file it must not."""

    root: Path

    @property
    def company(self) -> Path:
        return self.root / "company"

    @property
    def truth(self) -> Path:
        return self.root / "truth.json"

    @property
    def marker(self) -> Path:
        """What was built: simulator version, spec and seed."""
        return self.root / "sandbox.json"


@dataclass(frozen=True)
class Simulation:
    """Everything that was drawn before the first event."""

    accounts: list[Account]
    book: Book
    stays: list[Stay]
    world: World
    off_entitlement: list[tuple[str, str]]


def build(
    folder: Path,
    size: Literal["small", "demo", "scale"],
    seed: int = 7,
    progress: Progress | None = None,
    via: Via = "archive",
) -> SandboxPaths:
    """Make the sandbox company of this size and seed in ``folder``, or leave it untouched if it is there already.

    ``via`` archive: its events are export zips in the company folder; server: they lie in an Amplitude of its own
    beside it, the last days sent there by the SDK. The same size, seed and ``via`` always give the same events.
    ``progress`` is called with (what, days done, days of all).
    """
    return build_spec(folder, SIZES[size], seed, progress, via)


def build_spec(
    folder: Path, spec: SandboxSpec, seed: int = 7, progress: Progress | None = None, via: Via = "archive"
) -> SandboxPaths:
    """:func:`build` for a size of one's own. Raises InputError if ``folder`` holds anything else."""
    paths = SandboxPaths(folder)
    wanted = marker_text(spec, seed, via)
    if paths.marker.is_file() and paths.marker.read_text(encoding="utf-8") == wanted:
        return paths
    if folder.exists() and any(folder.iterdir()) and not paths.marker.is_file():
        raise InputError(
            "the folder for the sandbox company is not empty", where=str(folder), mend="name an empty or new folder"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = SandboxPaths(Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)))
    try:
        _write_all(temporary, spec, seed, progress, via)
        temporary.marker.write_text(wanted, encoding="utf-8")
        temporary.root.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.root.replace(folder)
    finally:
        shutil.rmtree(temporary.root, ignore_errors=True)
    return paths


def marker_text(spec: SandboxSpec, seed: int, via: Via) -> str:
    """The identity of a build."""
    build = {"simulator": VERSION, "seed": seed, "via": via, "spec": asdict(spec)}
    return json.dumps(build, default=str, indent=2) + "\n"


def simulate(spec: SandboxSpec, seed: int) -> Simulation:
    """Draw customers, contracts, users and their habits."""
    accounts = draw_accounts(spec, seed)
    book = write_book(spec, seed, accounts)
    spans = stays(book)
    table = entitled(spec, accounts, spans, spec.days)
    planted = off_entitlement(spec, accounts, table)
    users = draw_users(spec, accounts, seed)
    world = World(spec, seed, accounts, users, table, engagement(spec, accounts, book, table))
    world.calibrate()
    return Simulation(accounts, book, spans, world, planted)


def _write_all(paths: SandboxPaths, spec: SandboxSpec, seed: int, progress: Progress | None, via: Via) -> None:
    simulation = simulate(spec, seed)
    finance = paths.company / "finance"
    paths.company.mkdir(parents=True)
    write_settings(paths.company, spec, via)
    write_registries(paths.company, spec)
    internal = {account.account_id for account in simulation.accounts if account.is_internal_test}
    arr = closing_arr(spec, simulation.book, internal)
    write_contract_tables(finance, spec, simulation.accounts, simulation.book, simulation.stays, arr)
    discrepancies = write_billing(finance, spec, seed, simulation.accounts, simulation.book)
    fragments = Fragments(simulation.accounts, simulation.world.users)
    with _sink(paths, spec, fragments, via) as sink:
        tally = write_history(sink, fragments, simulation, progress)
    document = truth(spec, seed, simulation.accounts, simulation.book, arr, tally)
    document["off_entitlement"] = [{"account_id": a, "product_line": line} for a, line in simulation.off_entitlement]
    document["billing_discrepancies"] = discrepancies
    paths.truth.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


@contextmanager
def _sink(paths: SandboxPaths, spec: SandboxSpec, fragments: Fragments, via: Via) -> Iterator[Sink]:
    if via == "server":
        with server_feed(paths.root, spec, fragments) as feed:
            yield feed
    else:
        (paths.company / "events").mkdir()
        yield ZipFolder(paths.company / "events")


def write_history(sink: Sink, fragments: Fragments, simulation: Simulation, progress: Progress | None) -> Tally:
    """Write all events. An upload day is written once nothing drawn later can still be uploaded on it."""
    world, spec = simulation.world, simulation.world.spec
    tally = Tally(spec, simulation.accounts, world.users)
    exporter = Exporter(fragments, world.seed)
    step = max(1, min(31, CHUNK_EVENTS // max(1, spec.events_per_day)))
    end_us = round(local_midnight_utc(spec.last_day + timedelta(days=1)).timestamp()) * SECOND_US
    waiting = Events.empty()
    try:
        for begin in range(0, spec.days, step):
            end = min(begin + step, spec.days)
            drawn = spoil(draw(world, begin, end, begin * DAY_NUMBERS), world.seed, begin)
            waiting = Events.concat([waiting, drawn.take(drawn.upload_us < end_us)])
            if end == spec.days:
                waiting = close_last_hour(waiting, end_us)
            is_due = day_of(waiting.upload_us) < world.first + end + (end == spec.days)
            due = sink.accepted(waiting.take(is_due))
            sink.write(exporter, due)
            tally.add(due)
            waiting = waiting.take(~is_due)
            if progress:
                progress("sandbox events", end, spec.days)
    finally:
        exporter.close()
    return tally


def close_last_hour(events: Events, end_us: int) -> Events:
    """Make sure that the hour that ends at ``end_us`` has a file: move the newest ordinary upload into it."""
    if len(events) and events.upload_us.max() < end_us - HOUR_US:
        newest = int(np.argmax(np.where(events.copy == ORIGINAL, events.upload_us, 0)))
        upload = events.upload_us.copy()
        upload[newest] = end_us - SECOND_US
        return events.but(upload_us=upload)
    return events
