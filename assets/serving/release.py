"""Releases: built whole in a temporary folder, then swapped in; readers see the old one or the new one, never half.

``serving/releases/<id>/`` holds ``product_lens.duckdb``, one Parquet file per mart and ``manifest.json``;
``serving/current`` is a link to one of them. A crash at any point leaves the link on a whole release; what a crash
leaves behind (names with ``.tmp-``) is removed by the next publish.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from assets import durable
from assets.errors import InputError
from assets.home import Home
from assets.serving.blocking import CheckVerdict, Reason, held_back
from assets.serving.database import build_files
from assets.serving.manifest import (
    MANIFEST,
    HeldBack,
    Manifest,
    Release,
    ReleaseMeta,
    TableEntry,
    read_manifest,
    utc_text,
)
from assets.serving.snapshot import Content, ReleaseError, Source, TableDoc

KEPT = 5
TEMPORARY = ".tmp-"
_RELEASE_ID = re.compile(r"r(\d{6})-\d{8}T\d{6}Z")


class NothingPublishable(Exception):
    """Every group is held back: no release was made and ``current`` stays as it is.

    ``held_back`` maps group → reasons; ``current`` is the id of the release that readers still see, if any.
    """

    def __init__(self, reasons: Mapping[str, Sequence[Reason]], current_id: str | None) -> None:
        self.held_back, self.current = dict(reasons), current_id
        checks = sorted(
            {reason.check for group in reasons.values() for reason in group if reason.status != "held_back"}
        )
        stays = f"release {current_id} stays" if current_id else "there is no release yet"
        super().__init__(f"nothing was published ({stays}); blocking checks to mend: {', '.join(checks)}")


def publish(
    home: Home,
    marts: Mapping[str, Sequence[str]],
    verdicts: Sequence[CheckVerdict],
    meta: ReleaseMeta,
    docs: Mapping[str, TableDoc] | None = None,
) -> Release:
    """Publishes the groups whose blocking checks passed and makes the result ``current``.

    ``marts`` maps publish group → mart names in schema ``marts`` of the build warehouse. A group that is held back
    keeps the tables of the current release. ``docs`` gives descriptions (written as comments) and grains (row order).
    Raises NothingPublishable when every group is held back, ReleaseError when a mart is missing, has a type that old
    readers cannot open or does not read back as written, InputError when another process publishes or writes.
    """
    created_at = utc_text(meta.created_at)
    with _publishing(home):
        _clean(home)
        held = held_back(marts, verdicts)
        former = _former(home, needed=bool(held))
        if len(held) == len(marts):
            raise NothingPublishable(held, former.id if former else None)
        number = 1 + max((_number(path) for path in _folders(home)), default=0)
        release_id = f"r{number:06d}-{created_at.replace('-', '').replace(':', '')}"
        folder = home.releases / f"{release_id}{TEMPORARY}{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        sources = _sources(marts, held, former, docs or {})
        contents = build_files(home.warehouse, folder, number, sources, docs or {}, former, meta.anew)
        built = {name: (sources[name], contents[name]) for name in sorted(sources)}
        manifest = _manifest(release_id, number, marts, held, former, built, verdicts, meta, folder)
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        final = _finish(home, folder, release_id)
        _point_current_at(home, final)
        release = Release(release_id, final, manifest)
        _retire(home, release)
        return release


def rollback(home: Home, to: str | None = None) -> Release:
    """Points ``current`` at the release that was current before it (again: further back), or at release ``to``.

    Raises InputError when there is no such release; nothing changes then.
    """
    with _publishing(home):
        releases = {release.id: release for release in list_releases(home)}
        at = home.current.resolve().name if home.current.is_symlink() else None
        if to is None and at in releases:
            to = releases[at].manifest.previous
        elif to is None and at is not None:  # the current manifest cannot be read: the newest whole release before it
            to = max((release_id for release_id in releases if release_id < at), default=None)
        if to is None or to not in releases:
            raise InputError(
                "there is no former release to return to" if to is None else f"release {to} is not kept",
                where=str(home.releases),
                mend="mend what the checks name and refresh; kept releases: " + (", ".join(releases) or "none"),
            )
        _point_current_at(home, releases[to].path)
        return releases[to]


def drop_former(home: Home) -> list[str]:
    """Removes every release but the current one; their ids. A reader that has one of them open keeps reading it."""
    with _publishing(home):
        _clean(home)
        now = home.current.resolve()
        former = [path for path in _folders(home) if path != now.resolve()]
        for path in former:
            _remove(path)
        return sorted(path.name for path in former)


def current(home: Home) -> Release | None:
    """The release that readers see; None before the first. Raises ReleaseError when the link or manifest is broken."""
    if not home.current.is_symlink():
        if home.current.exists():
            raise ReleaseError(f"{home.current} is not a link to a release; move it away and publish again")
        return None
    path = home.current.resolve()
    return Release(path.name, path, read_manifest(path))


def list_releases(home: Home) -> list[Release]:
    """Whole releases on disk, oldest first. A folder whose manifest cannot be read is not one to return to."""
    found: list[Release] = []
    for path in sorted(_folders(home)):
        try:
            found.append(Release(path.name, path, read_manifest(path)))
        except ReleaseError:
            continue
    return found


# ---------------------------------------------------------------- building


def _sources(
    marts: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[Reason]],
    former: Release | None,
    docs: Mapping[str, TableDoc],
) -> dict[str, Source]:
    """Each table's source: the build warehouse, or the former release for what is held back, whole or row by row."""
    group_of = {name: group for group in marts for name in marts[group]}
    # by the group it is in now: a mart may have moved since the former release
    kept = {name: group_of.get(name, entry.group) for name, entry in former.manifest.tables.items()} if former else {}
    sources = {name: Source("former", group) for name, group in kept.items() if group in held}
    fresh = {name: Source("build", group) for group in marts if group not in held for name in marts[group]}
    by_row = {
        name: Source("build", group, tuple(sorted(held)))
        for group in held
        for name in marts.get(group, ())
        if name in docs and docs[name].rows_by
    }
    return sources | fresh | by_row


def _manifest(
    release_id: str,
    number: int,
    marts: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[Reason]],
    former: Release | None,
    built: Mapping[str, tuple[Source, Content]],
    verdicts: Sequence[CheckVerdict],
    meta: ReleaseMeta,
    folder: Path,
) -> Manifest:
    as_of = {group: None if (day := meta.as_of.get(group)) is None else day.isoformat() for group in marts}
    tables: dict[str, TableEntry] = {}
    for name, (source, content) in built.items():
        former_entry = former.manifest.tables.get(name) if former else None
        old = former_entry if source.catalog == "former" else None
        as_before = former_entry if source.catalog == "former" or source.held else None  # some of it may be that old
        tables[name] = TableEntry(
            group=source.group,
            rows=content.rows,
            as_of=as_before.as_of if as_before else as_of[source.group],
            from_release=old.from_release if old else release_id,
            content_hash=content.content_hash,
            row_sum=str(content.row_sum),
            parquet=f"{name}.parquet",
            columns=[{"name": column, "type": kind} for column, kind in content.columns],
        )
    holding: dict[str, HeldBack] = {}
    for group, reasons in held.items():
        whole = [table for name, table in tables.items() if table.group == group and not built[name][0].held]
        kept = next(iter(whole), None)
        as_of[group] = kept.as_of if kept else None
        holding[group] = HeldBack(
            [vars(reason) for reason in reasons], kept.from_release if kept else None, as_of[group]
        )
    return Manifest(
        release_id=release_id,
        number=number,
        previous=former.id if former else None,
        created_at=utc_text(meta.created_at),
        company=meta.company,
        run_id=meta.run_id,
        fingerprint=meta.fingerprint,
        contract_version=meta.contract_version,
        engine=f"duckdb {duckdb.__version__}",
        as_of=as_of,
        tables=tables,
        held_back=holding,
        checks=[
            {key: getattr(verdict, key) for key in ("name", "suite", "group", "severity", "status", "message")}
            | {"asset": list(verdict.asset)}
            for verdict in verdicts
        ],
        files={
            path.name: {"bytes": path.stat().st_size, "sha256": durable.sha256_of(path)}
            for path in sorted(folder.iterdir())
        },
    )


# ---------------------------------------------------------------- swapping and keeping


@contextmanager
def _publishing(home: Home) -> Iterator[None]:
    """One process at a time changes ``serving/``; the lock goes with the process, however it ends."""
    home.releases.mkdir(parents=True, exist_ok=True)
    with (home.serving / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                "another process is publishing or rolling back",
                where=str(home.serving),
                mend="wait until it has ended and try again",
            ) from error
        yield


def _finish(home: Home, folder: Path, release_id: str) -> Path:
    for path in folder.iterdir():
        durable.sync(path)
    durable.sync(folder)
    final = home.releases / release_id
    folder.replace(final)
    durable.sync(home.releases)
    return final


def _point_current_at(home: Home, release: Path) -> None:
    """Swaps the link in one step: rename over the old link, so that there is always one."""
    link = home.serving / f"current{TEMPORARY}{uuid.uuid4().hex[:8]}"
    link.symlink_to(Path("releases") / release.name, target_is_directory=True)
    link.replace(home.current)
    durable.sync(home.serving)


def _retire(home: Home, now: Release) -> None:
    """Keeps the five newest releases and the five that ``rollback`` would walk back along; removes the others.

    A reader that still has a removed file open keeps reading it.
    """
    releases = {release.id: release for release in list_releases(home)}
    keep = set(sorted(releases)[-KEPT:])
    step: str | None = now.id
    for _ in range(KEPT):
        if step is None or step not in releases:
            break
        keep.add(step)
        step = releases[step].manifest.previous
    for release_id, release in releases.items():
        if release_id not in keep:
            _remove(release.path)


def _remove(release: Path) -> None:
    """Renamed first: a crash in the middle of removing must not leave half a release to roll back to."""
    doomed = release.with_name(f"{release.name}{TEMPORARY}retired")
    release.replace(doomed)
    shutil.rmtree(doomed)


def _clean(home: Home) -> None:
    for path in (*home.releases.glob(f"*{TEMPORARY}*"), *home.serving.glob(f"current{TEMPORARY}*")):
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)


def _former(home: Home, needed: bool) -> Release | None:
    """The current release. A broken one must not stop a complete publish, which is what mends it."""
    try:
        return current(home)
    except ReleaseError:
        if needed or not home.current.is_symlink():
            raise
        return None


def _folders(home: Home) -> list[Path]:
    if not home.releases.is_dir():
        return []
    return [path for path in home.releases.iterdir() if _RELEASE_ID.fullmatch(path.name) and path.is_dir()]


def _number(path: Path) -> int:
    found = _RELEASE_ID.fullmatch(path.name)
    return int(found.group(1)) if found else 0
