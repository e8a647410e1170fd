"""The lake of raw answers: what a source answered, append-only, kept once for as long as it does not change.

``lake/finance/raw/<source>/<NNNN>_<hash12>/`` holds one Parquet file per object asked for and ``load.json``. Answers
of REST and document sources are rows ``(id, answer)``, ``answer`` being the object as JSON, cut down to the fields that
the mapping declares; answers of SQL are the rows of the query. A folder appears by one rename, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.finance.deliveries import appear
from assets.home import Home

_NAME = re.compile(r"(\d{4,})_([0-9a-f]{12})")
_BATCH = 5_000
_ANSWERS = pa.schema([("id", pa.string()), ("answer", pa.string())])


@dataclass(frozen=True)
class Load:
    """One kept answer. ``asked_at``: when this content was first answered (UTC, aware); ``objects``: rows of each."""

    number: int
    content_hash: str
    asked_at: datetime
    objects: dict[str, int]
    folder: Path

    def path(self, name: str) -> Path:
        """The Parquet file of an object."""
        return self.folder / f"{name}.parquet"

    def answers(self, name: str) -> Iterator[Any]:
        """The objects of a REST or document answer, decoded from JSON."""
        return map(json.loads, self.texts(name))

    def texts(self, name: str) -> Iterator[str]:
        """The same, as JSON texts."""
        with pq.ParquetFile(self.path(name)) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=["answer"]):
                yield from batch.column(0).to_pylist()


class Writer:
    """An answer on its way into the lake: a temporary folder that nobody reads."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob(".asking-*"):
            shutil.rmtree(leftover)  # of a process that was killed: the refresh lock lets only one ask
        self.root, self.folder = root, root / f".asking-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir()
        self.objects: dict[str, int] = {}

    def put_answers(self, name: str, answers: Iterable[tuple[str, str]]) -> None:
        """Stream (id, JSON) rows of one object to disk."""
        stream = iter(answers)
        batches = iter(lambda: list(islice(stream, _BATCH)), [])
        self.put_tables(
            name,
            _ANSWERS,
            (pa.table({"id": [i for i, _ in b], "answer": [a for _, a in b]}, schema=_ANSWERS) for b in batches),
        )

    def put_tables(self, name: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
        """Stream Arrow tables of one schema to disk as the object ``name``."""
        rows = 0
        with pq.ParquetWriter(self.folder / f"{name}.parquet", schema, compression="zstd") as file:
            for table in tables:
                file.write_table(table)
                rows += table.num_rows
        self.objects[name] = rows

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, asked_at: datetime) -> Load:
        """The load that holds this answer: the newest one when it has the same content, else a new one."""
        digest, last = _content_hash(self.folder, self.objects), newest(self.root)
        if last is not None and last.content_hash == digest:
            self.discard()
            return last
        number = last.number + 1 if last is not None else 1
        facts = {
            "number": number, "content_hash": digest, "asked_at": asked_at.isoformat(), "objects": self.objects,
        }  # fmt: skip
        (self.folder / "load.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        return _load(appear(self.folder, self.root / f"{number:04d}_{digest[:12]}"))


def root_of(home: Home, source: str) -> Path:
    """Where the answers of a source are kept; ``source`` is ``stripe``, ``sql_FINANCE_DATABASE_URL``, …"""
    return home.finance_lake / "raw" / source


def newest(root: Path) -> Load | None:
    """The last kept answer of a source."""
    folders = _folders(root)
    return _load(folders[-1]) if folders else None


def loads(root: Path) -> Iterator[Load]:
    """All kept answers of a source, oldest first."""
    return map(_load, _folders(root))


def _folders(root: Path) -> list[Path]:
    named = [p for p in root.iterdir() if _NAME.fullmatch(p.name)] if root.is_dir() else []
    return sorted(named, key=lambda path: int(path.name.partition("_")[0]))


def _load(folder: Path) -> Load:
    facts = json.loads((folder / "load.json").read_text(encoding="utf-8"))
    return Load(
        facts["number"], facts["content_hash"], datetime.fromisoformat(facts["asked_at"]), facts["objects"], folder
    )


def _content_hash(folder: Path, objects: dict[str, int]) -> str:
    """sha256 over the rows of every object, whatever their order: pages come in any order."""
    digest = hashlib.sha256()
    with duckdb.connect() as con:
        for name in sorted(objects):
            found = con.execute(
                "SELECT count(*), sha256(string_agg(row_hash, '' ORDER BY row_hash)), any_value(shape) FROM ("
                " SELECT md5(to_json(r)::VARCHAR) AS row_hash, typeof(r) AS shape FROM read_parquet(?) r)",
                [str(folder / f"{name}.parquet")],
            ).fetchall()[0]
            digest.update(f"{name}:{found}\n".encode())
    return digest.hexdigest()
