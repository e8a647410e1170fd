"""Forgetting a user, from request to the last trace: ledger, lake, warehouse, releases.

Dagster keeps run config for ever, so an id is never part of it: a request lies in the ledger as digests, or comes in a
file that is deleted when it has been read.
"""

from pathlib import Path

import dagster as dg
from pydantic import Field

from assets import keys
from assets.amplitude.erasure import Erased, ask_to_erase, erase
from assets.amplitude.switching import RELEASES, WAREHOUSE, clear_traces, traces
from assets.company.load import load_company
from assets.errors import InputError
from assets.home import Home
from assets.serving.manifest import Release
from assets.serving.release import drop_former
from pipelines.jobs import FORGET
from pipelines.lock import refresh_lock
from pipelines.settings import Settings


class ForgetConfig(dg.Config):
    """Whom to forget: nobody's id belongs here, because run config is stored."""

    ids_file: str | None = Field(
        default=None,
        description="A file with one user id a line, readable by this machine; it is DELETED once it has been read. "
        "Never type an id here: run config is stored. Empty: what `lens forget` has asked for and was not carried out.",
    )


def read_ids(file: Path) -> list[str]:
    """The ids in a file, one a line. Raises InputError for a file that cannot be read or holds none."""
    try:
        ids = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the file of user ids cannot be read", where=str(file), mend="name a UTF-8 file with one user id a line"
        ) from error
    if not ids:
        raise InputError("the file of user ids is empty", where=str(file), mend="write one user id a line")
    return ids


def carry_out(settings: Settings, ids_file: str | None = None) -> Erased:
    """Take whom the ledger, or a file, names out of the lake, and delete the warehouse, which is made from the lake.

    The releases follow: the next refresh publishes without them and removes the former ones.
    """
    home, company = settings.home, load_company(settings.company)
    with refresh_lock(home):
        if ids_file:
            path = Path(ids_file).expanduser()
            ask_to_erase(home, company, {"user": read_ids(path)})
            path.unlink()
        erased = erase(home, company)
        drop_warehouse(home)
    return erased


def drop_warehouse(home: Home) -> None:
    """Delete the build warehouse: rows deleted in it would lie in its free blocks until they are written over."""
    if WAREHOUSE in traces(home):
        for path in (home.warehouse, home.warehouse.with_suffix(".duckdb.wal")):
            path.unlink(missing_ok=True)
        clear_traces(home, WAREHOUSE)


def has_traces(home: Home) -> bool:
    """Whether releases may hold users who were to be forgotten: the next one is then written from nothing."""
    return bool(traces(home))


def drop_traces(home: Home, release: Release) -> None:
    """After a release: remove what was made before an erasure or a switch of user ids and may hold such ids.

    A release with a held back group has tables of a former one in it: it is not yet the one to keep alone.
    """
    left = traces(home)
    if not left or release.manifest.held_back:
        return
    if RELEASES in left:
        drop_former(home)
        clear_traces(home, RELEASES)
    drop_warehouse(home)


def forget_job(settings: Settings) -> dg.JobDefinition:
    """The `forget` job, bound to one company and one LENS_HOME."""

    @dg.op(description="Take users out of the lake; the next refresh rebuilds the marts.", pool=keys.POOL_WAREHOUSE)
    def forget_users(context: dg.OpExecutionContext, config: ForgetConfig) -> None:
        erased = carry_out(settings, config.ids_file)
        context.log.info(
            f"{erased.events:,} events left the lake ({erased.files:,} files written anew, {erased.archives:,}"
            " downloaded archives deleted), the warehouse is deleted; launch `refresh` to publish without them"
        )
        context.add_output_metadata(
            {"events": erased.events, "files": erased.files, "archives_deleted": erased.archives}
        )

    @dg.job(
        name=FORGET,
        executor_def=dg.in_process_executor,
        description="Forget users: their events leave the lake for good. Launch `refresh` afterwards.",
    )
    def forget() -> None:
        forget_users()

    return forget
