"""What a mapping makes of an answer: rows of a contract table as text cells, and rows that the contract cannot say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.company.typed_table import Table

_BATCH = 10_000
NOT_REPRESENTABLE = "not_representable"
_SET_ASIDE = pa.schema([(c, pa.string()) for c in ("table_name", "row_ref", "reason", "detail", "raw_row")])


@dataclass(frozen=True)
class Row:
    """One row of a contract table: column → text as a CSV would have it. With a ``problem`` the row is set aside in
    quarantine, whatever its cells say: the contract has no place for what the source says."""

    cells: Mapping[str, str | None]
    problem: str | None = None
    ref: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def write_rows(table: Table, rows: Iterable[Row], path: Path, aside: Path) -> int:
    """Write the rows as ``path`` (Parquet of texts) and those set aside as ``aside``; returns the number of these."""
    schema = pa.schema([(name, pa.string()) for name in table.names])
    count = 0
    stream = iter(rows)
    with pq.ParquetWriter(path, schema) as file, pq.ParquetWriter(aside, _SET_ASIDE) as problems:
        while batch := list(islice(stream, _BATCH)):
            good = [row.cells for row in batch if row.problem is None]
            bad = [_set_aside(table, row) for row in batch if row.problem is not None]
            file.write_table(pa.table({n: [cells.get(n) for cells in good] for n in table.names}, schema=schema))
            problems.write_table(pa.Table.from_pylist(bad, schema=_SET_ASIDE))
            count += len(bad)
    return count


def _set_aside(table: Table, row: Row) -> dict[str, str | None]:
    raw = {name: row.cells.get(name) for name in table.names} | dict(row.more)
    return {
        "table_name": table.name,
        "row_ref": row.ref,
        "reason": NOT_REPRESENTABLE,
        "detail": row.problem,
        "raw_row": json.dumps(raw, ensure_ascii=False),
    }
