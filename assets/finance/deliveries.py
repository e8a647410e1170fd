"""The lake of finance deliveries: one folder each, append-only, complete or absent.

``deliveries/<NNNN>_<hash12>/`` holds the accepted rows of every delivered table as Parquet, the quarantined rows
(``quarantine.parquet``) and ``delivery.json``. A folder appears by one rename after everything in it is on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from assets.durable import sync
from assets.finance.contract import TABLES
from assets.home import Home

_NAME = re.compile(r"(\d{4,})_([0-9a-f]{12})")


@dataclass(frozen=True)
class Delivery:
    """One state of the finance data. ``landed_on``: local date it first came in; ``as_of``: the date it speaks for,
    as known then; ``tables``: accepted rows; ``quarantined``: rows set aside; ``sources``: fingerprint of the files."""

    number: int
    content_hash: str
    landed_on: date
    as_of: date
    mode: str
    tables: dict[str, int]
    quarantined: dict[str, int]
    sources: str
    folder: Path

    def table(self, name: str) -> Path | None:
        """The Parquet file of a table, None when the delivery has no row of it."""
        return self.folder / f"{name}.parquet" if name in self.tables else None


def deliveries(home: Home) -> list[Delivery]:
    """All kept deliveries, oldest first."""
    return [_load(folder) for folder in _folders(home)]


def newest(home: Home) -> Delivery | None:
    """The last delivery that came in."""
    folders = _folders(home)
    return _load(folders[-1]) if folders else None


def content_hash(con: duckdb.DuckDBPyConnection) -> str:
    """sha256 over accepted and quarantined rows, whatever their order, their file format or their row numbers."""
    digest = hashlib.sha256()
    parts = [(t.name, t.names) for t in TABLES] + [("quarantine", ("table_name", "reason", "raw_row"))]
    for name, columns in parts:
        cells = ", ".join(f'"{c}" := "{c}"' for c in columns)
        rows = con.execute(
            f"SELECT count(*), sha256(string_agg(row_hash, '' ORDER BY row_hash)) "
            f"FROM (SELECT md5(to_json(struct_pack({cells}))::VARCHAR) AS row_hash FROM {name})"
        ).fetchall()[0]
        digest.update(f"{name}:{rows[0]}:{rows[1]}\n".encode())
    return digest.hexdigest()


def keep(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    number: int,
    digest: str,
    landed_on: date,
    as_of: date,
    mode: str,
    sources: str,
) -> Delivery:
    """Write the tables in ``con`` as delivery ``number``; the folder is there as a whole or not at all."""
    root = _root(home)
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".landing-*"):
        shutil.rmtree(leftover)  # of a landing that was killed: never renamed, so never read
    temporary = root / f".landing-{os.getpid()}"
    temporary.mkdir()
    tables, quarantined = _write_tables(con, temporary)
    facts = {
        "number": number, "content_hash": digest, "landed_on": landed_on.isoformat(), "as_of": as_of.isoformat(),
        "mode": mode, "tables": tables, "quarantined": quarantined, "sources": sources,
    }  # fmt: skip
    (temporary / "delivery.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return _load(appear(temporary, root / f"{number:04d}_{digest[:12]}"))


def appear(temporary: Path, folder: Path) -> Path:
    """Give a finished folder its name, once everything in it is on disk."""
    for path in (*temporary.iterdir(), temporary):
        sync(path)
    temporary.rename(folder)
    sync(folder.parent)
    return folder


def remember_sources(home: Home, delivery: Delivery, sources: str) -> None:
    """Note that these files are known to hold the delivery's content, so that they need not be parsed again."""
    path = home.finance_lake / "known_files.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(
        json.dumps({"content_hash": delivery.content_hash, "sources": sources}) + "\n", encoding="utf-8"
    )
    temporary.replace(path)


def is_known(home: Home, delivery: Delivery, sources: str) -> bool:
    """Whether files with this fingerprint are known to hold the delivery's content."""
    if delivery.sources == sources:
        return True
    path = home.finance_lake / "known_files.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")) == {
        "content_hash": delivery.content_hash,
        "sources": sources,
    }


def _root(home: Home) -> Path:
    return home.finance_lake / "deliveries"


def _folders(home: Home) -> list[Path]:
    root = _root(home)
    named = [p for p in root.iterdir() if _NAME.fullmatch(p.name)] if root.is_dir() else []
    return sorted(named, key=lambda path: int(path.name.partition("_")[0]))


def _load(folder: Path) -> Delivery:
    facts = json.loads((folder / "delivery.json").read_text(encoding="utf-8"))
    facts |= {key: date.fromisoformat(facts[key]) for key in ("landed_on", "as_of")}
    return Delivery(**facts, folder=folder)


def _write_tables(con: duckdb.DuckDBPyConnection, folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    tables = {}
    for table in TABLES:
        count = con.execute(f"SELECT count(*) FROM {table.name}").fetchall()[0][0]
        if count:
            tables[table.name] = int(count)
            columns = ", ".join(f'"{c}"' for c in table.names)
            con.execute(
                f"COPY (SELECT {columns} FROM {table.name} ORDER BY ALL) TO '{_quoted(folder / table.name)}.parquet' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
    con.execute(f"COPY quarantine TO '{_quoted(folder / 'quarantine.parquet')}' (FORMAT parquet, COMPRESSION zstd)")
    counted = con.execute("SELECT table_name, count(*) FROM quarantine GROUP BY table_name ORDER BY 1").fetchall()
    return tables, {name: int(count) for name, count in counted}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
