"""What dbt reads: the ledger of hours, the quarantine, and one view over just the lake files that are needed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb

from assets.amplitude.archive import hour_number, hour_start, local_midnight_hour
from assets.amplitude.convert import parquet
from assets.amplitude.identity import Resolution, resolve
from assets.amplitude.ledger import Ledger
from assets.amplitude.ledger_tables import HourState
from assets.amplitude.merges import facts
from assets.amplitude.schema import EVENT_COLUMNS
from assets.home import Home

_HOUR_COLUMNS = {
    "upload_hour": "TIMESTAMP", "state": "VARCHAR", "parts": "INTEGER", "records": "BIGINT", "staged": "BIGINT",
    "duplicates": "BIGINT", "late_resends": "BIGINT", "quarantined": "BIGINT", "erased": "BIGINT", "bytes": "BIGINT",
    "sha256": "VARCHAR", "attempts": "INTEGER", "loaded_at": "TIMESTAMP", "insert_id_duplicates": "BIGINT",
}  # fmt: skip
_QUARANTINE = """CREATE TABLE IF NOT EXISTS quality.quarantine (
    source VARCHAR, table_name VARCHAR, row_ref VARCHAR, reason VARCHAR, detail VARCHAR, raw_row VARCHAR)"""
# The whole line stays in the lake.
_SHOWN = 500


def write_ledger(con: duckdb.DuckDBPyConnection, home: Home, until: date | None = None) -> None:
    """Replace ``raw.amplitude_hours`` (one row per upload hour), the merge facts and this source's rows of
    ``quality.quarantine``."""
    with Ledger.open(home) as ledger:
        states = ledger.hours(until)
        end = hour_number(states[-1].upload_hour) if states else -1
        files = ledger.con.execute("SELECT DISTINCT file FROM quarantine_files").fetchall()
        pairs = ledger.con.execute("SELECT file, hour FROM quarantine_files WHERE hour <= ?", [end]).fetchall()
        strangers = [(Path(m.archive).name, m.path) for m in ledger.members()]
        merges = resolve(facts(ledger, until))
        no_merges = ledger.con.execute(
            """SELECT q.path || coalesce(':' || line, ''), reason, 'in ' || archive || ': ' || detail, raw
            FROM merge_quarantine q JOIN merge_contents USING (name, crc, size) WHERE hour <= ?""",
            [end],
        ).fetchall()
    con.execute("BEGIN")
    _write_hours(con, states)
    _write_merges(con, merges)
    con.execute(_QUARANTINE)
    con.execute("DELETE FROM quality.quarantine WHERE source = 'amplitude'")
    con.execute(
        """INSERT INTO quality.quarantine
        SELECT 'amplitude', 'events', member, 'unknown_name',
            'in ' || archive || ': its name tells no upload hour', NULL
        FROM (SELECT unnest(?::VARCHAR[]) AS archive, unnest(?::VARCHAR[]) AS member)""",
        [[archive for archive, _ in strangers], [member for _, member in strangers]],
    )
    if no_merges:
        con.executemany("INSERT INTO quality.quarantine VALUES ('amplitude', 'merges', ?, ?, ?, ?)", no_merges)
    if files:
        con.execute(
            f"""INSERT INTO quality.quarantine
            SELECT 'amplitude', 'events', member || coalesce(':' || line, ''), reason,
                'in ' || archive || ': ' || detail, left(raw, {_SHOWN})
            FROM {parquet([home.amplitude_lake / file for (file,) in files], "filename")}
            WHERE (filename, hour) IN (SELECT (unnest(?::VARCHAR[]), unnest(?::BIGINT[])))""",
            [[str(home.amplitude_lake / file) for file, _ in pairs], [hour for _, hour in pairs]],
        )
    con.execute("COMMIT")


def _write_hours(con: duckdb.DuckDBPyConnection, states: list[HourState]) -> None:
    lists = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, kind in _HOUR_COLUMNS.items())
    values = [[getattr(state, name) for state in states] for name in _HOUR_COLUMNS]
    con.execute(f"CREATE OR REPLACE TABLE raw.amplitude_hours AS SELECT {lists}", values)


def _write_merges(con: duckdb.DuckDBPyConnection, merges: Resolution) -> None:
    """``raw.amplitude_merges``: the survivor of every id that was merged away, chains followed to their end;
    ``raw.amplitude_merge_facts``: every fact with what became of it."""
    con.execute(
        """CREATE OR REPLACE TABLE raw.amplitude_merges AS
        SELECT unnest(?::BIGINT[]) AS amplitude_id, unnest(?::BIGINT[]) AS survivor""",
        [list(merges.survivors), list(merges.survivors.values())],
    )
    told = [fact for fact, _ in merges.verdicts]
    con.execute(
        """CREATE OR REPLACE TABLE raw.amplitude_merge_facts AS
        SELECT unnest(?::BIGINT[]) AS amplitude_id, unnest(?::BIGINT[]) AS survivor,
            make_timestamp(unnest(?::BIGINT[])) AS merged_at, unnest(?::VARCHAR[]) AS verdict""",
        [[f.amplitude_id for f in told], [f.survivor for f in told], [f.merged_at for f in told],
         [verdict for _, verdict in merges.verdicts]],
    )  # fmt: skip


def write_events_view(
    con: duckdb.DuckDBPyConnection, home: Home, event_hours: set[datetime] | None = None, until: date | None = None
) -> int:
    """(Re)create view ``raw.amplitude_events`` and the table ``raw.amplitude_repeats`` behind it.

    The view reads the lake files that hold any of these UTC hours of ``occurred_at`` (None = all files) and leaves out
    repeats of both levels and, with ``until``, hours uploaded after it. Returns the number of files.
    """
    with Ledger.open(home) as ledger:
        if ledger.con.execute("SELECT 1 FROM segments WHERE NOT settled UNION ALL SELECT 1 FROM unsettled").fetchone():
            raise RuntimeError("a landing was interrupted before its repeats were decided: land again first")
        end = local_midnight_hour(until, ledger.meta("time_zone") or "UTC") if until else None
        _wanted_segments(ledger, event_hours)
        files = [
            f for (f,) in ledger.con.execute("SELECT file FROM segments JOIN chosen USING (segment) ORDER BY file")
        ]
        repeats = ledger.con.execute(
            """SELECT uuid, hour FROM repeats WHERE level > 0
            AND hour IN (SELECT hour FROM segment_hours JOIN chosen USING (segment))"""
        ).fetchall()
    con.execute("BEGIN")
    con.execute(
        """CREATE OR REPLACE TABLE raw.amplitude_repeats AS
        SELECT unnest(?::UUID[]) AS uuid, make_timestamp(unnest(?::BIGINT[]) * 3600000000) AS upload_hour""",
        [[uuid for uuid, _ in repeats], [hour for _, hour in repeats]],
    )
    con.execute(f"CREATE OR REPLACE VIEW raw.amplitude_events AS {_events_sql(home, files, end)}")
    con.execute("COMMIT")
    return len(files)


def _wanted_segments(ledger: Ledger, event_hours: set[datetime] | None) -> None:
    ledger.con.execute("CREATE TEMP TABLE chosen (segment INTEGER PRIMARY KEY)")
    if event_hours is None:
        ledger.con.execute("INSERT INTO chosen SELECT segment FROM segments")
        return
    ledger.con.execute("CREATE TEMP TABLE asked_hours (hour INTEGER PRIMARY KEY)")
    ledger.con.executemany("INSERT INTO asked_hours VALUES (?)", [[hour_number(hour)] for hour in event_hours])
    ledger.con.execute("INSERT INTO chosen SELECT DISTINCT segment FROM event_hours JOIN asked_hours USING (hour)")


def _events_sql(home: Home, files: list[str], end: int | None) -> str:
    if not files:
        return (
            "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {n}" for n, kind in EVENT_COLUMNS.items()) + " WHERE false"
        )
    bound = f"AND events.upload_hour < TIMESTAMP '{hour_start(end)}'" if end is not None else ""
    return f"""
        SELECT {", ".join(f"events.{name}" for name in EVENT_COLUMNS)}
        FROM {parquet([home.amplitude_lake / file for file in files])} AS events
        WHERE NOT EXISTS (
            SELECT 1 FROM raw.amplitude_repeats AS repeats
            WHERE repeats.uuid = events.uuid AND repeats.upload_hour = events.upload_hour) {bound}"""
