"""JSON lines → Parquet with DuckDB, one small engine a worker: explicit schema, strict types, bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.amplitude.archive import hour_start
from assets.amplitude.promotion import Promotion
from assets.amplitude.schema import KEPT_SQL, LAKE_COLUMNS, READ_COLUMNS_SQL
from assets.amplitude.spool import Spool
from assets.durable import sync

MEMORY = "240MB"
# A row group is buffered whole: its share of the JSON is what bounds the writer's memory.
_GROUP_ROWS, _GROUP_BYTES, _VECTOR = 36_864, 72 << 20, 2_048
# DuckDB buffers twice this much; Amplitude itself takes no event over 1 MB.
LONGEST_EVENT = 4 << 20

_REFERENCE = "coalesce(server_received_time, server_upload_time)"
_CORRECTED = f"(event_time IS NULL OR event_time > {_REFERENCE} + INTERVAL 24 HOUR)"
_DATED = "isfinite({0}) AND year({0}) BETWEEN 1 AND 9999"
# What every event must have; lines that do not are quarantined.
USABLE = f"""(uuid IS NOT NULL AND event_type IS NOT NULL AND server_upload_time IS NOT NULL
    AND {_DATED.format("server_upload_time")} AND {_DATED.format("occurred_at")})"""


def hour_of(moment: str) -> str:
    """SQL: whole hours since 1970 of a timestamp."""
    return f"epoch_us(date_trunc('hour', {moment})) // 3600000000"


_FACTS = f"""count(*), count(*) FILTER ({USABLE}), count(DISTINCT uuid),
    coalesce(min(epoch_us(server_upload_time)), 0), coalesce(max(epoch_us(server_upload_time)), 0),
    list(DISTINCT {hour_of("upload_hour")}), list(DISTINCT {hour_of("occurred_at")}) FILTER ({USABLE})"""
# What DuckDB raises for a line it cannot make an event of.
_LINE_ERRORS = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)


class Unreadable(Exception):
    """Some line of a spool is not a usable event; it takes a look at each line to tell which."""


@dataclass(frozen=True)
class Facts:
    """What the ledger wants to know about one written file; hours are counted since 1970."""

    rows: int
    usable: int
    distinct_uuids: int
    first_sent: int
    last_sent: int
    hours: frozenset[int]
    event_hours: frozenset[int]

    @classmethod
    def of(cls, row: Sequence[Any]) -> Facts:
        rows, usable, distinct, first, last, hours, event_hours = row
        return cls(rows, usable, distinct, first, last, frozenset(hours or ()), frozenset(event_hours or ()))


@dataclass(frozen=True)
class Piece:
    """A written Parquet file that no ledger row names yet."""

    path: Path
    facts: Facts

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size


class Converter:
    """One worker's DuckDB. Not to be shared between threads."""

    def __init__(self, scratch: Path, promotion: Promotion, memory: str = MEMORY, threads: int = 1) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.con = duckdb.connect(config={"threads": threads, "memory_limit": memory, "temp_directory": str(scratch)})
        self.con.execute("SET TimeZone = 'UTC'")
        # One thread keeps the order by itself; asking for it would only make the writer buffer more.
        self.con.execute("SET preserve_insertion_order = false")
        promotion.bind(self.con, scratch)
        self.promotion, self._promoted = promotion, promotion.sql()
        self._columns = promotion.privacy.landed_columns()

    def close(self) -> None:
        self.con.close()

    def select(self, spool: Spool) -> str:
        """The lake's columns, computed from a spool."""
        return f"""
            SELECT {self._columns} FROM (
                SELECT *, {self._promoted},
                    CASE WHEN {_CORRECTED} THEN {_REFERENCE} ELSE event_time END AS occurred_at,
                    {_CORRECTED} AS is_time_corrected
                FROM (
                    SELECT {KEPT_SQL}, {_hour_expression(spool)} AS upload_hour
                    FROM {self._lines(spool)}))"""

    def _lines(self, spool: Spool) -> str:
        relation = f"""read_json('{_quoted(spool.path)}', format = 'newline_delimited', columns = {READ_COLUMNS_SQL},
            maximum_object_size = {LONGEST_EVENT})"""
        return relation if _is_one_hour(spool) else f"(SELECT *, row_number() OVER () AS line_number FROM {relation})"

    def convert(self, spool: Spool, target: Path) -> list[Piece]:
        """Write one spool, a file for each upload day in it. Raises Unreadable when any line is not a usable event."""
        days = sorted({hour // 24 for hour, _ in spool.hours()})
        try:
            if len(days) == 1:
                self.copy(self.select(spool), target, spool.size / max(spool.lines, 1))
                pieces = [self.measured(target)]
            else:
                pieces = self._convert_days(spool, target, days)
        except _LINE_ERRORS as error:
            raise Unreadable(str(error)) from error
        if any(sum(getattr(piece.facts, name) for piece in pieces) != spool.lines for name in ("rows", "usable")):
            raise Unreadable("a blank line, or a line without what every event has")
        return pieces

    def _convert_days(self, spool: Spool, target: Path, days: list[int]) -> list[Piece]:
        """Several small days are parsed as one: planning a query costs more than a few hundred rows."""
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE batch AS {self.select(spool)}")
        day_of = f"{hour_of('upload_hour')} // 24"
        rows = self.con.execute(f"SELECT {day_of} AS day, {_FACTS} FROM batch GROUP BY day").fetchall()
        facts = {day: Facts.of(row) for day, *row in rows}
        pieces = []
        for day in days:
            part = target.with_name(f"{target.stem}-{day}.parquet")
            self.copy(f"SELECT * FROM batch WHERE {day_of} = {day}", part, spool.size / max(spool.lines, 1))
            pieces.append(Piece(part, facts[day]))
        self.con.execute("DROP TABLE batch")
        return pieces

    def accepts(self, spool: Spool) -> bool:
        """Whether ``convert`` would take every line of a spool."""
        try:
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE probe AS {self.select(spool)}")
        except _LINE_ERRORS:
            return False
        found = self.con.execute(f"SELECT count(*) FILTER ({USABLE}) FROM probe").fetchone()
        self.con.execute("DROP TABLE probe")
        return bool(found and found[0] == spool.lines)

    def are_invalid(self, texts: list[str]) -> list[bool]:
        """Which texts are no JSON to the parser that reads spools."""
        rows = self.con.execute("SELECT NOT json_valid(text) FROM (SELECT unnest(?::VARCHAR[]) AS text)", [texts])
        return [bool(row[0]) for row in rows.fetchall()]

    def rewrite(self, files: Sequence[Path], target: Path, columns: str = "*", where: str = "true") -> Piece:
        """Copy rows of lake files into one new file, in file and row order."""
        self.copy(f"SELECT {columns} FROM {parquet(files)} WHERE {where}", target, 2_048)
        return self.measured(target)

    def promote_again(self, file: Path, target: Path, former: dict[str, object] | None) -> Piece:
        """Copy a lake file with its promoted columns computed anew and only what may be kept now."""
        self.copy(self.promotion.sql_again(parquet([file]), former), target, 2_048)
        return self.measured(target)

    def measured(self, file: Path) -> Piece:
        """The facts of a written file."""
        row = self.con.execute(f"SELECT {_FACTS} FROM {parquet([file])}").fetchone()
        if row is None:
            raise RuntimeError(f"no facts about {file.name}")
        return Piece(file, Facts.of(row))

    def copy(self, select: str, target: Path, row_bytes: float) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = int(min(_GROUP_ROWS, _GROUP_BYTES / max(row_bytes, 1))) // _VECTOR * _VECTOR
        self.con.execute(
            f"""COPY ({select}) TO '{_quoted(target)}'
            (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {max(rows, _VECTOR)})"""
        )


def drop_same_uuid(converter: Converter, pieces: list[Piece]) -> tuple[list[Piece], dict[int, int]]:
    """Within one hour a uuid stays once (earliest server_upload_time, then first in file order).

    Returns the pieces, rewritten where rows left, and the number of rows left out by upload hour.
    """
    hours = [hour for piece in pieces for hour in piece.facts.hours]
    if all(p.facts.distinct_uuids == p.facts.rows for p in pieces) and len(hours) == len(set(hours)):
        return pieces, {}
    con, source = converter.con, parquet([piece.path for piece in pieces], "filename, file_row_number")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE losers AS
        WITH shared AS (
            SELECT uuid, upload_hour FROM {source} GROUP BY uuid, upload_hour HAVING count(*) > 1
        ), ranked AS (
            SELECT parse_filename(filename) AS file, file_row_number AS row_number, upload_hour, row_number() OVER (
                PARTITION BY uuid, upload_hour ORDER BY server_upload_time, filename, file_row_number) AS place
            FROM {source} SEMI JOIN shared USING (uuid, upload_hour)
        )
        SELECT file, row_number, upload_hour FROM ranked WHERE place > 1"""
    )
    left_out = con.execute(f"SELECT {hour_of('upload_hour')} AS hour, count(*) FROM losers GROUP BY hour").fetchall()
    affected = {file for (file,) in con.execute("SELECT DISTINCT file FROM losers").fetchall()}
    kept = [_without_losers(converter, piece) if piece.path.name in affected else piece for piece in pieces]
    con.execute("DROP TABLE losers")
    return kept, dict(left_out)


def _without_losers(converter: Converter, piece: Piece) -> Piece:
    target = piece.path.with_suffix(".once")
    where = (
        f"""file_row_number NOT IN (SELECT row_number FROM losers WHERE file = '{_quoted(Path(piece.path.name))}')"""
    )
    columns = ", ".join(LAKE_COLUMNS)
    converter.copy(f"SELECT {columns} FROM {parquet([piece.path], 'file_row_number')} WHERE {where}", target, 2_048)
    target.replace(piece.path)
    return converter.measured(piece.path)


def drop_erased(converter: Converter, pieces: list[Piece]) -> tuple[list[Piece], dict[int, int]]:
    """Leave out what landing has marked as events of erased users.

    Returns the pieces, rewritten where rows left, and the number of rows that left by upload hour.
    """
    erased = converter.promotion.privacy.erased
    if erased is None:
        return pieces, {}
    kept, gone = [], Counter[int]()
    for piece in pieces:
        hours = f"SELECT {hour_of('upload_hour')} AS hour, count(*) FROM {parquet([piece.path])}"
        found = converter.con.execute(f"{hours} WHERE user_id = '{erased.mark}' GROUP BY hour").fetchall()
        gone.update(dict(found))
        if found:
            target = piece.path.with_suffix(".kept")
            rest = converter.rewrite([piece.path], target, where=f"user_id IS DISTINCT FROM '{erased.mark}'")
            target.replace(piece.path)
            piece = Piece(piece.path, rest.facts)
        if piece.facts.rows:
            kept.append(piece)
        else:
            piece.path.unlink()
    return kept, dict(gone)


def parquet(files: Sequence[Path], virtual: str = "") -> str:
    """A relation over lake files of our own naming; ``virtual`` asks for extra file columns by name."""
    paths = ", ".join(f"'{_quoted(file)}'" for file in files)
    options = "".join(f", {name.strip()} = true" for name in virtual.split(",") if name)
    return f"read_parquet([{paths}], hive_partitioning = false{options})"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _is_one_hour(spool: Spool) -> bool:
    return len({hour for hour, _ in spool.hours()}) == 1


def _hour_expression(spool: Spool) -> str:
    """The upload hour by line number; a constant for a spool of one hour, which costs nothing."""
    if _is_one_hour(spool):
        return f"TIMESTAMP '{hour_start(spool.hours()[0][0])}'"
    cases, end = [], 0
    for hour, lines in spool.hours():
        end += lines
        cases.append(f"WHEN line_number <= {end} THEN TIMESTAMP '{hour_start(hour)}'")
    return f"CASE {' '.join(cases)} END"


def make_durable(temporary: Path, final: Path) -> None:
    """Move a written file to its place so that neither a crash nor a power cut leaves half of it there."""
    final.parent.mkdir(parents=True, exist_ok=True)
    sync(temporary)
    temporary.replace(final)
    sync(final.parent)
