"""What the last finished build said about identity, so that the next one finds the dates it has to say it anew for.

dbt compares whose the anonymous events are now with ``raw.built_identities``. Which of them to look at follows from
``raw.built_merges`` and from what the planned dates hold now and held before this run (``raw.identities_before``,
``raw.namings_before``). These change only when a build has succeeded, or grow until then: a build after a killed one
looks at no less.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb

from assets.warehouse import has_table

_COLUMNS = "local_date, amplitude_id, device_id, device_user_id, user_key, resolved_by"
_TABLES = """
    CREATE TABLE IF NOT EXISTS raw.built_identities (local_date DATE, amplitude_id BIGINT, device_id VARCHAR,
        device_user_id VARCHAR, user_key VARCHAR, resolved_by VARCHAR);
    CREATE TABLE IF NOT EXISTS raw.built_merges (amplitude_id BIGINT, survivor BIGINT);
    CREATE TABLE IF NOT EXISTS raw.identities_before (amplitude_id BIGINT, device_id VARCHAR);
    CREATE TABLE IF NOT EXISTS raw.namings_before (local_date DATE, user_key VARCHAR, names_account BOOLEAN,
        marks_internal BOOLEAN);
"""
_RESOLVED, _DATES = "intermediate.int_usage__anonymous_day", "intermediate.int_usage__identity_dates"


def look_back(con: duckdb.DuckDBPyConnection, planned: Iterable[date]) -> None:
    """Note by which devices and Amplitude ids users were known on the planned dates, and who named an account or was
    marked as internal there, before dbt replaces them: events that turn out to repeat others take that with them."""
    con.execute(_TABLES)
    dates = sorted(planned)
    if dates and has_table(con, "intermediate", "int_usage__named_day"):
        con.execute(
            """INSERT INTO raw.identities_before
            SELECT DISTINCT amplitude_id, device_id FROM intermediate.int_usage__identity_day
            WHERE user_id IS NOT NULL AND local_date IN (SELECT unnest(?::DATE[]))""",
            [dates],
        )
        con.execute(
            """INSERT INTO raw.namings_before
            SELECT local_date, user_key, bool_or(day_account_id IS NOT NULL), bool_or(marks_internal)
            FROM intermediate.int_usage__named_day
            WHERE local_date IN (SELECT unnest(?::DATE[])) AND (day_account_id IS NOT NULL OR marks_internal)
            GROUP BY local_date, user_key""",
            [dates],
        )


def remember(con: duckdb.DuckDBPyConnection, full_refresh: bool) -> None:
    """Take over what a successful build said; within its transaction."""
    con.execute(_TABLES)
    if full_refresh:
        con.execute(f"CREATE OR REPLACE TABLE raw.built_identities AS SELECT {_COLUMNS} FROM {_RESOLVED}")
    else:
        redone = f"local_date IN (SELECT local_date FROM {_DATES})"
        con.execute(f"DELETE FROM raw.built_identities WHERE {redone}")
        con.execute(f"INSERT INTO raw.built_identities SELECT {_COLUMNS} FROM {_RESOLVED} WHERE {redone}")
    con.execute("CREATE OR REPLACE TABLE raw.built_merges AS SELECT amplitude_id, survivor FROM raw.amplitude_merges")
    con.execute("DELETE FROM raw.identities_before")
    con.execute("DELETE FROM raw.namings_before")


def redone_by_killed(con: duckdb.DuckDBPyConnection) -> frozenset[date]:
    """Dates that a build which did not end may have replaced on account of identities that changed again since."""
    if not has_table(con, "intermediate", "int_usage__rebuild_dates"):
        return frozenset()
    rows = con.execute(
        f"""SELECT local_date FROM {_DATES}
        UNION SELECT local_date FROM intermediate.int_usage__rebuild_dates WHERE layer = 'activity'"""
    )
    return frozenset(day for (day,) in rows.fetchall())
