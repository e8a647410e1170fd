"""What the warehouse was last built from, and the marks that let the next refresh touch only what changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import duckdb

from assets.transform.identity import remember

# Snapshots of the small tables that decide to whom and to which segment activity belongs. A refresh compares them
# with what it finds now; they are only replaced once a build has succeeded, so a killed build compares again.
_ATTRIBUTION = """
    SELECT m.amplitude_value, m.account_id, m.valid_from, m.valid_to, coalesce(a.is_internal_test, false) AS is_internal
    FROM raw.identity_map m LEFT JOIN raw.accounts a USING (account_id)
"""
_HOURS = "SELECT upload_hour, sha256, parts FROM raw.amplitude_hours WHERE sha256 IS NOT NULL"
_SEGMENTS = "SELECT account_id, dimension, value, valid_from, valid_to FROM raw.account_segments"


@dataclass(frozen=True)
class BuildState:
    """Marks of the last successful build."""

    sequence: int
    settings_hash: str
    project_hash: str
    board_hash: str
    finance_hash: str | None
    as_of: date | None
    until: date | None
    usage_watermark: date | None
    closes: str = ""

    @property
    def inputs(self) -> tuple[object, ...]:
        """Everything a build reads but events, which only ever grow."""
        return self.settings_hash, self.project_hash, *self.money

    @property
    def money(self) -> tuple[object, ...]:
        """What the money marts depend on beside settings and models."""
        return self.finance_hash, self.as_of, self.until, self.board_hash, self.closes


def read_built(con: duckdb.DuckDBPyConnection) -> BuildState | None:
    """Marks of the last successful build, or None when there was none."""
    return _read(con, "built")


def read_unfinished(con: duckdb.DuckDBPyConnection) -> BuildState | None:
    """Marks of a build that began and did not succeed: some models may hold its inputs already."""
    return _read(con, "building")


def _read(con: duckdb.DuckDBPyConnection, table: str) -> BuildState | None:
    names = [part.name for part in fields(BuildState)]
    found = con.execute(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = ?"
        " AND list_contains(?, column_name)",
        [table, names],
    ).fetchone()
    if found != (len(names),):  # no such table, or the marks of a version that kept fewer: they tell nothing
        return None
    row = con.execute(f"SELECT {', '.join(names)} FROM raw.{table}").fetchone()
    return BuildState(*row) if row else None


def read_current(con: duckdb.DuckDBPyConnection, project_hash: str) -> BuildState:
    """Marks of what the raw tables hold now (the usage watermark is known after the build)."""
    row = con.execute("""
        SELECT s.sequence, r.settings_hash, r.board_hash, f.content_hash, f.as_of, r.until, c.token
        FROM raw.refresh r, raw.amplitude_sequence s, raw.finance_state f, raw.closes_state c
    """).fetchone()
    if row is None:
        raise RuntimeError("the raw tables hold no refresh: materialise company, amplitude, finance and closes first")
    sequence, settings_hash, board_hash, finance_hash, as_of, until, closes = row
    return BuildState(sequence, settings_hash, project_hash, board_hash, finance_hash, as_of, until, None, closes)


def begin(con: duckdb.DuckDBPyConnection, project_hash: str) -> None:
    """Record that a build starts to put the raw tables as they are into the models."""
    _write(con, "building", read_current(con, project_hash), "(SELECT NULL::DATE AS usage_watermark)")


def commit(con: duckdb.DuckDBPyConnection, project_hash: str, full_refresh: bool) -> BuildState:
    """Record that the marts now stand for the raw tables as they are. Called after a successful dbt build only."""
    state = read_current(con, project_hash)
    con.execute("BEGIN")
    _write(con, "built", state, "intermediate.int_usage__watermarks")
    con.execute("DROP TABLE IF EXISTS raw.building")
    con.execute(f"CREATE OR REPLACE TABLE raw.built_attribution AS {_ATTRIBUTION}")
    con.execute(f"CREATE OR REPLACE TABLE raw.built_segments AS {_SEGMENTS}")
    con.execute(f"CREATE OR REPLACE TABLE raw.built_hours AS {_HOURS}")
    remember(con, full_refresh)
    con.execute("COMMIT")
    return state


def _write(con: duckdb.DuckDBPyConnection, table: str, state: BuildState, watermarks: str) -> None:
    marks = [
        state.sequence, state.settings_hash, state.project_hash, state.board_hash, state.finance_hash, state.as_of,
        state.until, state.closes,
    ]  # fmt: skip
    con.execute(
        f"""
        CREATE OR REPLACE TABLE raw.{table} AS
        SELECT ?::BIGINT AS sequence, ?::VARCHAR AS settings_hash, ?::VARCHAR AS project_hash,
               ?::VARCHAR AS board_hash, ?::VARCHAR AS finance_hash, ?::DATE AS as_of, ?::DATE AS until,
               ?::VARCHAR AS closes, w.usage_watermark
        FROM {watermarks} w
        """,
        marks,
    )


def changed_attribution(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Amplitude values whose account (or its being internal) is not what the last build used."""
    rows = con.execute(f"""
        WITH now_ AS ({_ATTRIBUTION}), built AS (SELECT * FROM raw.built_attribution),
        differing AS (
            (SELECT * FROM now_ EXCEPT SELECT * FROM built) UNION ALL (SELECT * FROM built EXCEPT SELECT * FROM now_)
        )
        SELECT DISTINCT amplitude_value FROM differing
    """).fetchall()
    return [value for (value,) in rows]


def has_replaced_hour(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether an upload hour that the last build used now holds other files, and not merely more of them.

    Events that are gone may have named an account, or marked a user as internal, for other dates than their own.
    """
    row = con.execute(f"""
        SELECT count(*) FROM raw.built_hours b LEFT JOIN ({_HOURS}) n USING (upload_hour)
        WHERE n.sha256 IS DISTINCT FROM b.sha256 AND coalesce(n.parts <= b.parts, true)
    """).fetchone()
    return bool(row and row[0])


def first_changed_segment(con: duckdb.DuckDBPyConnection) -> date | None:
    """Earliest local date on which any account's segment differs from what the last build used."""
    row = con.execute(f"""
        WITH now_ AS ({_SEGMENTS}), built AS (SELECT * FROM raw.built_segments)
        SELECT min(CASE
            WHEN n.value IS DISTINCT FROM b.value THEN valid_from
            WHEN n.valid_to IS DISTINCT FROM b.valid_to THEN least(n.valid_to, b.valid_to)
        END)
        FROM now_ n FULL JOIN built b USING (account_id, dimension, valid_from)
        WHERE n.value IS DISTINCT FROM b.value OR n.valid_to IS DISTINCT FROM b.valid_to
    """).fetchone()
    return row[0] if row else None
