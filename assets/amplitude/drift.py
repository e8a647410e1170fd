"""What drift is judged by: per upload day, which event types came and what types their properties had; per upload hour,
which top-level keys the files had. Facts only, each tied to its day or hour, so that the order of landing is no matter.

Property types are taken from a sample of each day and event type, chosen by the events' own ids: the same events give
the same facts. Only days whose hours were landed anew are read again.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from itertools import islice

import duckdb

from assets.amplitude.archive import EPOCH, hour_start
from assets.amplitude.convert import parquet
from assets.amplitude.ledger import Ledger
from assets.home import Home

# Up to about so many events of a day and type are looked into, and rarer types as a whole.
SAMPLE = 1_000
# Keys made up at run time must not fill the warehouse: the most frequent properties of a day and type.
MOST_PROPERTIES = 300
_DAYS_AT_ONCE = 7
_TABLES = """
CREATE TABLE IF NOT EXISTS raw.amplitude_type_days (upload_day DATE, event_type VARCHAR, events BIGINT, sampled BIGINT);
CREATE TABLE IF NOT EXISTS raw.amplitude_property_days (
    upload_day DATE, event_type VARCHAR, property VARCHAR, value_type VARCHAR, events BIGINT);
CREATE TABLE IF NOT EXISTS raw.amplitude_drift_days (upload_day DATE, signature VARCHAR);
CREATE OR REPLACE TABLE raw.amplitude_key_samples (
    upload_hour TIMESTAMP, lines BIGINT, new_keys VARCHAR[], missing_keys VARCHAR[])"""
# Null says nothing about a type, and one number is like another.
_VALUE_TYPE = """CASE json_type(event_properties, '/' || replace(replace(property, '~', '~0'), '/', '~1'))
    WHEN 'VARCHAR' THEN 'text' WHEN 'BOOLEAN' THEN 'yes/no' WHEN 'ARRAY' THEN 'list' WHEN 'OBJECT' THEN 'object'
    WHEN 'BIGINT' THEN 'number' WHEN 'UBIGINT' THEN 'number' WHEN 'DOUBLE' THEN 'number' WHEN 'HUGEINT' THEN 'number'
    END"""


def write_facts(con: duckdb.DuckDBPyConnection, home: Home) -> int:
    """Bring ``raw.amplitude_type_days``, ``_property_days`` and ``_key_samples`` up to date; gives the days read."""
    with Ledger.open(home) as ledger:
        wanted = _signatures(ledger)
        samples = ledger.con.execute("SELECT * FROM hour_keys WHERE lines > 0 ORDER BY hour").fetchall()
        con.execute(_TABLES)
        known = dict(con.execute("SELECT upload_day, signature FROM raw.amplitude_drift_days").fetchall())
        files = {day: _files(ledger, day) for day in wanted if known.get(day) != wanted[day]}
    con.execute("BEGIN")
    try:
        _drop_days(con, [*files, *(known.keys() - wanted.keys())])
        waiting = iter(sorted(files))
        while days := list(islice(waiting, _DAYS_AT_ONCE)):
            _read_days(con, home, sorted({file for day in days for file in files[day]}), days)
        con.execute(
            "INSERT INTO raw.amplitude_drift_days SELECT unnest(?::DATE[]), unnest(?::VARCHAR[])",
            [list(files), [wanted[day] for day in files]],
        )
        con.execute(
            """INSERT INTO raw.amplitude_key_samples
            SELECT unnest(?::TIMESTAMP[]), unnest(?::BIGINT[]), json_keys(unnest(?::VARCHAR[])),
                json_keys(unnest(?::VARCHAR[]))""",
            [[hour_start(row[0]) for row in samples], *([row[place] for row in samples] for place in (1, 2, 3))],
        )
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return len(files)


def _signatures(ledger: Ledger) -> dict[date, str]:
    """Per upload day (UTC), what its hours were landed from; merging files of the lake does not change it."""
    days: dict[int, list[tuple[int, str, int]]] = {}
    for hour, sha256, rows in ledger.con.execute("SELECT hour, sha256, lake_rows FROM hours ORDER BY hour"):
        days.setdefault(hour // 24, []).append((hour, sha256, rows))
    return {
        (EPOCH + timedelta(days=day)).date(): hashlib.sha256(json.dumps([SAMPLE, hours]).encode()).hexdigest()[:16]
        for day, hours in days.items()
    }


def _files(ledger: Ledger, day: date) -> list[str]:
    first = (day - EPOCH.date()).days * 24
    rows = ledger.con.execute(
        "SELECT DISTINCT file FROM segments JOIN segment_hours USING (segment) WHERE hour BETWEEN ? AND ?",
        [first, first + 23],
    )
    return [file for (file,) in rows]


def _drop_days(con: duckdb.DuckDBPyConnection, days: list[date]) -> None:
    for table in ("amplitude_type_days", "amplitude_property_days", "amplitude_drift_days"):
        con.execute(f"DELETE FROM raw.{table} WHERE upload_day IN (SELECT unnest(?::DATE[]))", [days])


def _read_days(con: duckdb.DuckDBPyConnection, home: Home, files: list[str], days: list[date]) -> None:
    if not files:
        return
    source = parquet([home.amplitude_lake / file for file in files])
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE type_days AS
        SELECT CAST(upload_hour AS DATE) AS upload_day, event_type, count(*) AS events
        FROM {source} WHERE CAST(upload_hour AS DATE) IN (SELECT unnest(?::DATE[])) GROUP BY ALL""",
        [days],
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE sampled AS
        SELECT upload_day, event_type, event_properties
        FROM (SELECT *, CAST(upload_hour AS DATE) AS upload_day FROM {source})
        JOIN type_days USING (upload_day, event_type)
        WHERE hash(uuid) % ((events + {SAMPLE} - 1) // {SAMPLE}) = 0"""
    )
    con.execute(
        """INSERT INTO raw.amplitude_type_days
        SELECT upload_day, event_type, any_value(type_days.events), count(sampled.event_type)
        FROM type_days LEFT JOIN sampled USING (upload_day, event_type) GROUP BY ALL"""
    )
    con.execute(
        f"""INSERT INTO raw.amplitude_property_days
        WITH properties AS (
            SELECT *, unnest(json_keys(event_properties)) AS property FROM sampled
            WHERE json_type(event_properties) = 'OBJECT'
        ), typed AS (
            SELECT upload_day, event_type, property, {_VALUE_TYPE} AS value_type, count(*) AS events
            FROM properties GROUP BY ALL
        ), ranked AS (
            SELECT *, dense_rank() OVER (PARTITION BY upload_day, event_type ORDER BY seen DESC, property) AS place
            FROM (SELECT *, sum(events) OVER (PARTITION BY upload_day, event_type, property) AS seen FROM typed)
        )
        SELECT upload_day, event_type, property, value_type, events FROM ranked
        WHERE place <= {MOST_PROPERTIES} AND value_type IS NOT NULL"""
    )
    con.execute("DROP TABLE sampled")
    con.execute("DROP TABLE type_days")
