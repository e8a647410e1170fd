"""Where a unit's bad lines go: a file in the lake that keeps them whole, and a count for the ledger."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from assets.amplitude.convert import Converter, make_durable, parquet
from assets.amplitude.ledger import Ledger

# Characters kept of a line; events are far shorter, what is longer is no event.
LONGEST_KEPT = 1 << 20
_COLUMNS = {
    "hour": "BIGINT", "archive": "VARCHAR", "member": "VARCHAR", "line": "BIGINT", "reason": "VARCHAR",
    "detail": "VARCHAR", "raw": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True)
class BadLine:
    """A quarantined line, or a whole member when ``line`` is None. ``hour``: upload hour, counted since 1970;
    ``raw`` holds no IP address and no location."""

    hour: int
    archive: str
    member: str
    line: int | None
    reason: str
    detail: str
    raw: str | None


class Quarantine:
    """Gathers bad lines on disk, however many there are; the lines themselves only with ``keeps_raw``."""

    def __init__(self, draft: Path, keeps_raw: bool = True) -> None:
        self.draft, self.keeps_raw = draft, keeps_raw
        self.counts: Counter[int] = Counter()
        self._stream: IO[str] | None = None

    def add(self, line: BadLine) -> None:
        if self._stream is None:
            self._stream = self.draft.open("w", encoding="utf-8")
        kept = asdict(line) | {"raw": line.raw[:LONGEST_KEPT] if line.raw and self.keeps_raw else None}
        self._stream.write(json.dumps(kept) + "\n")
        self.counts[line.hour] += 1

    def clear(self) -> None:
        """Forget everything: the unit is read again."""
        self.close()
        self.draft.unlink(missing_ok=True)
        self.counts.clear()

    def close(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None

    def to_parquet(self, converter: Converter, target: Path) -> None:
        """Write what was gathered, and remove the draft."""
        self.close()
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
        path = str(self.draft).replace("'", "''")
        source = f"""read_json('{path}', format = 'newline_delimited', columns = {{{columns}}},
            maximum_object_size = {8 * LONGEST_KEPT})"""
        converter.copy(f"SELECT * FROM {source}", target, LONGEST_KEPT / 32)
        self.draft.unlink()


RAW_LINES = "raw_lines"


def holds_raw_lines(ledger: Ledger) -> bool:
    """Whether some quarantined line may lie in the lake as it came."""
    some = ledger.con.execute("SELECT 1 FROM quarantine_files").fetchone()
    return bool(some) and ledger.meta(RAW_LINES) != "dropped"


def drop_raw_lines(ledger: Ledger, converter: Converter) -> bool:
    """Take the lines out of what was quarantined before; reasons and places stay. Whether there were any to take."""
    if not holds_raw_lines(ledger):
        ledger.set_meta(RAW_LINES, "dropped")
        return False
    files = [file for (file,) in ledger.con.execute("SELECT DISTINCT file FROM quarantine_files").fetchall()]
    bare = {file: f"{Path(file).with_suffix('')}-bare.parquet" for file in files if not file.endswith("-bare.parquet")}
    for file, name in bare.items():
        draft = converter.scratch / "bare.parquet"
        columns = ", ".join("CAST(NULL AS VARCHAR) AS raw" if column == "raw" else column for column in _COLUMNS)
        converter.copy(f"SELECT {columns} FROM {parquet([ledger.lake / file])}", draft, 128)
        make_durable(draft, ledger.lake / name)
    with ledger.transaction():
        ledger.con.executemany("UPDATE quarantine_files SET file = ? WHERE file = ?", [(n, f) for f, n in bare.items()])
        ledger.set_meta(RAW_LINES, "dropped")
    return bool(bare)
