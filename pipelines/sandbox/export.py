"""Writing events as Amplitude's Export API delivers them: zips of gzipped JSON-lines members, one per hour and part.

DuckDB joins the pieces of each line; a piece that repeats (all that follows from the device, the kind of event, the
account's name) is prepared once and referred to by number.
"""

from __future__ import annotations

import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.sandbox.events import CLOCK_WRONG, RESENT, RESENT_LATE, SAME_UUID, Events, Ints
from pipelines.sandbox.flaws import HOUR_US
from pipelines.sandbox.fragments import VARIANTS, Fragments
from pipelines.sandbox.spec import PROJECT
from pipelines.sandbox.usage import DAY_US
from pipelines.sandbox.users import BY_PROPERTY

try:  # ISA-L deflates several times faster; where it is not packaged, zlib writes the same records
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]

_TIME = "strftime(make_timestamp({0}), '%Y-%m-%d %H:%M:%S.%f')"
_EPOCH = date(1970, 1, 1).toordinal()
# Dates that a zip entry carries must not depend on the clock
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


Member = tuple[int, int, int, bytes]  # upload hour since 1970, part, records, gzipped lines
BLOCK_EVENTS = 150_000  # lines held in memory at a time, give or take one hour


def part_numbers(hour: int) -> tuple[int, int]:
    """Numbers of an hour's first and second part: parts need not start at 1 nor follow each other."""
    return hour % 3, hour % 3 + 1 + hour % 2


class Exporter:
    """Turns events into members of zips. Holds one in-memory DuckDB; close it when done."""

    def __init__(self, fragments: Fragments, seed: int) -> None:
        self.fragments, self.line = fragments, _assemble(seed)
        f = fragments
        self.words = {
            "head": _texts(f.heads),
            "middle": _texts(f.middles),
            "properties": _texts(f.properties),
            "type": _texts(f.types),
            "groups": _texts(f.groups),
            "library": _texts(f.libraries),
            "user": _texts(f.users),
        }
        self.con = duckdb.connect(":memory:")
        self.con.execute("SET threads = 2")
        self.con.execute("SET preserve_insertion_order = true")

    def close(self) -> None:
        self.con.close()

    def members(self, events: Events) -> list[Member]:
        """(upload hour since 1970, part, records, gzipped lines) for every member, in order of hour and part.

        Level 1 repeats go into an hour's second part, all else into its first.
        """
        hour, part = events.upload_us // HOUR_US, (events.copy == SAME_UUID).astype(np.int64)
        order = np.lexsort((events.number, events.upload_us, part, hour))
        found: list[Member] = []
        for block in _blocks(order, hour[order]):
            found += self._members(events.take(block), (hour * 2 + part)[block])
        return found

    def _members(self, events: Events, member: Ints) -> list[Member]:
        starts = np.concatenate([[0], np.flatnonzero(np.diff(member)) + 1, [len(member)]])
        lines, offsets = self._lines(events)
        pieces = [lines[offsets[a] : offsets[b]] for a, b in pairwise(starts.tolist())]
        with ThreadPoolExecutor(2) as pool:
            packed = list(pool.map(gzipped, pieces))
        keys = member[starts[:-1]]
        return [
            (int(k) // 2, part_numbers(int(k) // 2 % 24)[int(k) % 2], int(n), data)
            for k, n, data in zip(keys, np.diff(starts), packed, strict=True)
        ]

    def _lines(self, events: Events) -> tuple[memoryview, Ints]:
        """All lines in one buffer, and where each begins (one more offset than lines)."""
        # A bare Arrow stream: handing over the table itself would import pyarrow.dataset and with it pandas
        self.con.register("e", self._table(events).__arrow_c_stream__())
        relation = self.con.sql(f"SELECT {self.line} AS line FROM e")
        chunk = relation.to_arrow_table().column("line").combine_chunks()
        column = chunk if isinstance(chunk, pa.Array) else pa.concat_arrays(chunk.chunks)
        self.con.unregister("e")
        width = np.int64 if pa.types.is_large_string(column.type) else np.int32
        _, offsets, data = column.buffers()
        where = np.frombuffer(offsets, dtype=width)[column.offset : column.offset + len(column) + 1]
        return memoryview(data), where.astype(np.int64)

    def _table(self, events: Events) -> pa.Table:
        device = events.user * 2 + events.device
        who = device * 2 + events.is_anonymous
        pieces = {
            "head": who,
            "middle": device,
            "properties": events.kind * VARIANTS + events.insert_number % VARIANTS,
            "type": events.kind,
            "groups": self.fragments.group_numbers(events),
            "library": device,
            "user": who * 2 + (events.naming == BY_PROPERTY),
        }
        columns: dict[str, Any] = {
            name: pa.DictionaryArray.from_arrays(_integers(index), self.words[name]) for name, index in pieces.items()
        }
        wrong = events.clock == CLOCK_WRONG
        values = {
            "number": events.number,
            "insert_number": events.insert_number,
            "event_us": events.event_us,
            "received_us": events.received_us,
            "upload_us": events.upload_us,
            "session_ms": events.session_ms,
            "client_us": np.where(wrong, events.event_us, events.event_us - 1_500_000),
        }
        return pa.table(columns | {name: _integers(value) for name, value in values.items()})


def _blocks(order: Ints, hours: Ints) -> list[Ints]:
    """Cut sorted positions where an hour ends, into blocks of about BLOCK_EVENTS."""
    edges = np.flatnonzero(np.diff(hours)) + 1
    wanted = np.arange(BLOCK_EVENTS, len(order), BLOCK_EVENTS)
    cuts = np.unique(edges[np.minimum(np.searchsorted(edges, wanted), len(edges) - 1)]) if len(edges) else edges
    return [block for block in np.split(order, cuts) if len(block)]


def _integers(values: Ints) -> pa.Array:
    """64-bit integers as they lie in memory: ``pa.array`` would import pandas, which takes longer than the export."""
    whole = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(whole), [None, pa.py_buffer(whole)])


def _texts(words: list[str]) -> pa.Array:
    """Strings laid out by hand, for the same reason."""
    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def _assemble(seed: int) -> str:
    """SQL that joins one line from its pieces, in the order in which Amplitude writes the keys."""
    uuid = f"md5('uuid{seed}:' || number)::UUID::VARCHAR"
    pieces = [
        '\'{"$insert_id":"\'',
        f"md5('insert{seed}:' || insert_number)",
        "head",  # … to client_event_time
        "CASE WHEN insert_number % 97 = 0 THEN '' ELSE " + _TIME.format("client_us") + " END",
        '\'","client_upload_time":"\'',
        _TIME.format("received_us"),
        "middle",  # country … event_id
        "insert_number % 1000000",
        "',\"event_properties\":'",
        "properties",
        '\',"event_time":"\'',
        _TIME.format("event_us"),
        "type",
        "groups",
        "library",  # event_type … processed_time
        "CASE WHEN insert_number % 97 = 0 THEN 'null' ELSE '\"' || "
        + _TIME.format("upload_us + 1700000")
        + " || '\"' END",
        '\',"region":"New York","sample_rate":null,"server_received_time":"\'',
        _TIME.format("received_us"),
        '\'","server_upload_time":"\'',
        _TIME.format("upload_us"),
        '\'","session_id":\'',
        "session_ms",
        '"user"',
        uuid,
        '\'","version_name":null}\n\'',
    ]
    return "concat(" + ", ".join(pieces) + ")"


def gzipped(data: memoryview) -> bytes:
    """One gzip member without a time stamp."""
    if isal_zlib is not None:
        packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    else:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return bytes(packer.compress(data) + packer.flush())


def upload_day(hour: int) -> date:
    """The UTC day of an upload hour (hours since 1970)."""
    return date.fromordinal(_EPOCH + hour // 24)


def member_name(hour: int, part: int) -> str:
    """``<project>/<project>_<yyyy-MM-dd>_<H>#<part>.json.gz``; H is not zero-padded."""
    when = datetime.fromtimestamp(hour * 3600, UTC)
    return f"{PROJECT}/{PROJECT}_{when:%Y-%m-%d}_{when.hour}#{part}.json.gz"


def write_zip(path: Path, members: list[Member]) -> None:
    """One zip of already compressed members; equal input gives equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for hour, part, _, data in members:
            entry = zipfile.ZipInfo(member_name(hour, part), _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def day_of(upload_us: Ints) -> Ints:
    """UTC day of each upload, as an ordinal."""
    return upload_us // DAY_US + _EPOCH


def copies(events: Events) -> dict[str, int]:
    """Number of planted repeats of each sort."""
    return {
        "level_1_duplicates": int((events.copy == SAME_UUID).sum()),
        "level_2_duplicates": int((events.copy == RESENT).sum()),
        "late_resends": int((events.copy == RESENT_LATE).sum()),
    }
