"""Which run published a restatement first: an append-only log in the lake, because marts are rebuilt.

``lake/closes/restatements/<nnnnnn>_<hash12>.parquet``: the restatements that a release held and none before it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

from assets.board.close_records import closes_root
from assets.board.close_tables import RESTATEMENT_KEY
from assets.durable import sha256_of, sync
from assets.errors import InputError
from assets.home import Home

_NAME = re.compile(r"(\d{6})_([0-9a-f]{12})\.parquet")


def log_files(home: Home) -> list[Path]:
    """The files of the log in the order they were written. Raises InputError for a damaged or missing one."""
    root = _root(home)
    files = sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name)) if root.is_dir() else []
    for position, path in enumerate(files, start=1):
        number, digest = path.stem.split("_")
        if int(number) != position or not sha256_of(path).startswith(digest):
            raise InputError(
                "the log of restatements is damaged: a file was changed or is missing",
                where=str(path),
                mend="restore lake/closes from a backup of LENS_HOME: it says since which run restatements are known",
            )
    return files


def remember(home: Home, database: Path) -> int:
    """Append what a released database restates and the log does not know; how many rows. The caller holds the lock."""
    files = log_files(home)
    key = ", ".join(RESTATEMENT_KEY)
    with duckdb.connect(str(database), read_only=True) as con:
        has_mart = con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'marts' AND table_name = 'restatements'"
        ).fetchall()
        if not has_mart[0][0]:
            return 0
        known = f"SELECT {key} FROM read_parquet(?)" if files else f"SELECT {key} FROM marts.restatements WHERE false"
        rows = con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE news AS
            SELECT {key}, first_seen_run, {len(files) + 1} AS position FROM marts.restatements
            ANTI JOIN ({known}) USING ({key})
            """,
            [[str(path) for path in files]] if files else [],
        ).fetchall()
        if not rows[0][0]:
            return 0
        _append(con, _root(home), len(files) + 1)
        return int(rows[0][0])


def _append(con: duckdb.DuckDBPyConnection, root: Path, number: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".log-*"):
        leftover.unlink()  # of a run that was killed: never renamed, so never read
    temporary = root / f".log-{os.getpid()}"
    con.execute(
        f"COPY (SELECT * FROM news ORDER BY ALL) TO '{str(temporary).replace(chr(39), chr(39) * 2)}'"
        " (FORMAT parquet, COMPRESSION zstd)"
    )
    sync(temporary)
    temporary.rename(root / f"{number:06d}_{sha256_of(temporary)[:12]}.parquet")
    sync(root)


def _root(home: Home) -> Path:
    return closes_root(home) / "restatements"
