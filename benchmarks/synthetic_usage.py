"""A made-up company's usage, as landing leaves it: Parquet files behind raw.amplitude_events, and the raw tables that
the usage marts need beside it. Big enough to measure them on.

Everything follows from hashes of row numbers, so that the same size is the same company on every machine. Accounts and
people come at shares of the history: more days is the same company for longer, and its last day costs the same.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from assets.amplitude.schema import EVENT_COLUMNS
from assets.board.choice import choose
from assets.board.close_raw import load_closes
from assets.company.model import Company, Events, Internal
from assets.company.raw import write_raw
from assets.company.registry import FeatureRule
from assets.finance.contract import TABLES
from assets.home import Home
from assets.transform.identity import look_back
from assets.warehouse import RAW, write
from pipelines.sandbox.features import FEATURES, KINDS, features_of

LAST = date(2026, 10, 20)  # the history ends inside a month and inside a week
ZONE = "America/New_York"
_SLOTS, _CHUNK = 512, 40

_MACROS = """
CREATE OR REPLACE TEMP MACRO u(n, what) AS (hash(n, what) % 1000003) / 1000003.0;
CREATE OR REPLACE TEMP MACRO id(prefix, n) AS prefix || lpad(n::VARCHAR, (18 - length(prefix))::INT, '0')
"""

_ACCOUNTS = """
INSERT INTO raw.accounts BY NAME
SELECT id('acct-', n) AS account_id, 'Account ' || n AS account_name, 'US' AS billing_country,
    $start + (0.6 * $days * greatest(u(n, 'begins') - 0.4, 0))::INT AS created_date, n = 0 AS is_internal_test
FROM range($accounts) AS t(n);
INSERT INTO raw.identity_map BY NAME
SELECT account_id, replace(account_id, 'acct-', 'orgn-') AS amplitude_value FROM raw.accounts;
INSERT INTO raw.account_segments BY NAME
WITH spans AS (
    SELECT n, dimension, part, u(n, dimension) < 0.1 AS moves,
        $start + (30 + u(n, dimension || 'on') * ($days - 60))::INT AS moved_on
    FROM range($accounts) AS t(n), (VALUES ('size'), ('industry')) AS d(dimension), (VALUES (0), (1)) AS p(part)
)
SELECT id('acct-', n) AS account_id, dimension,
    CASE dimension
        WHEN 'size' THEN ['smb', 'mid_market', 'enterprise'][1 + (hash(n, 's') % 3 + part)::INT % 3]
        ELSE ['software', 'retail', 'health', 'finance', 'media', 'public'][1 + (hash(n, 'i') % 6 + part)::INT % 6]
    END AS value,
    CASE WHEN part = 0 THEN DATE '2000-01-01' ELSE moved_on END AS valid_from,
    CASE WHEN part = 0 AND moves THEN moved_on END AS valid_to
FROM spans WHERE part = 0 OR moves
"""

# every account holds the first line, half of them each other line from some day on; ARR follows what they hold
_MONEY = """
INSERT INTO raw.entitlements BY NAME
SELECT account_id, line AS product_line, (1 + hash(account_id, line) % 60)::INT AS seats,
    CASE WHEN line = 'workspace' THEN created_date
        ELSE created_date + (($last - created_date) * u(account_id, line || 'on'))::INT END AS valid_from
FROM raw.accounts, (SELECT DISTINCT product_line AS line FROM raw.feature_rules)
WHERE line = 'workspace' OR u(account_id, line) < 0.5;
INSERT INTO raw.arr_month BY NAME
SELECT month::DATE AS month, account_id, product_line, 'USD' AS currency, 1000 + 100 * seats AS arr
FROM raw.entitlements,
    (SELECT unnest(generate_series(date_trunc('month', $start), $last, INTERVAL 1 MONTH)) AS month)
WHERE valid_from <= last_day(month)
"""

# one person in a hundred works for two accounts, one in two hundred for none; a few are staff
_PEOPLE = """
CREATE OR REPLACE TABLE made.person AS
WITH drawn AS (
    SELECT n, (($accounts - 1) * pow(u(n, 'account'), 1.2))::BIGINT AS account, u(n, 'naming') AS naming,
        0.03 + 0.9 * pow(u(n, 'rate'), 2) AS rate
    FROM range($people) AS t(n)
),
joined AS (
    SELECT *, $start + (0.6 * $days * greatest(u(account, 'begins') - 0.4, 0) + 0.2 * $days * u(n, 'joins'))::INT
        AS joins
    FROM drawn
)
SELECT *, CASE WHEN u(n, 'quits') < 0.12 THEN joins + (0.3 * $days * u(n, 'life'))::INT ELSE DATE '9999-12-31' END
        AS quits,
    CASE WHEN u(n, 'second') < 0.01 AND naming < 0.9 THEN (account + 7) % $accounts ELSE account END AS second_account,
    CASE WHEN n < 6 THEN 'own.example' END AS email_domain
FROM joined;
UPDATE made.person SET rate = rate * $daily * $days / (
    SELECT sum(rate * (least(quits, $start + $days) - joins)) * 8 FROM made.person
);
CREATE OR REPLACE TABLE made.kind AS
SELECT unnest(range(len($types))) AS kind_no, unnest($types) AS event_type, unnest($names) AS name,
    unnest($values) AS value, unnest($features::INT[]) AS feature;
CREATE OR REPLACE TABLE made.adopted AS
SELECT account, feature,
    CASE WHEN feature < 2 THEN DATE '1900-01-01'
        WHEN u(account, 'adopts' || feature) < 0.7 THEN $start + (0.9 * $days * u(account, 'when' || feature))::INT
        ELSE DATE '9999-12-31' END AS adopted_on
FROM range($accounts) AS a(account), range($feature_count) AS f(feature)
"""

# mean of eight events a person and day, in the hours of work and late in the evening; of a kind not yet adopted one
# opens a project instead
_EVENTS = """
WITH person_day AS (
    SELECT person.*, on_date::DATE AS local_date, hash(n, on_date) AS drawn,
        CASE WHEN hash(n, on_date) % 2 = 0 THEN second_account ELSE account END AS acting
    FROM made.person, (SELECT unnest(generate_series(DATE '$from', DATE '$to', INTERVAL 1 DAY)) AS on_date)
    WHERE on_date >= joins AND on_date < quits AND u(n, on_date::DATE) < rate
),
single AS (
    SELECT *, unnest(range((1 + hash(drawn, 'count') % 15)::BIGINT)) AS i FROM person_day
),
kinds AS (
    SELECT *, $slots[1 + (hash(drawn, i, 'kind') % $slotcount)::INT] AS drawn_kind,
        u(drawn + i, 'clock') AS clock, u(drawn + i, 'who') AS who
    FROM single
),
told AS (
    SELECT kinds.*, coalesce(adopted.adopted_on <= local_date, true) AS is_theirs,
        timezone('UTC', timezone('$zone', local_date + to_seconds(CASE WHEN clock < 0.02 THEN 84600
            ELSE (7 + 12 * clock) * 3600 END::DOUBLE + i))) AS occurred
    FROM kinds JOIN made.kind ON drawn_kind = kind_no
        LEFT JOIN made.adopted ON acting = adopted.account AND made.kind.feature = adopted.feature
)
SELECT $columns
FROM told JOIN made.kind ON kind_no = CASE WHEN is_theirs THEN drawn_kind ELSE 0 END
ORDER BY upload_hour
"""
_VALUES = {
    "uuid": "md5(drawn || '-' || i)",
    "upload_hour": "date_trunc('hour', occurred + INTERVAL 90 SECOND)",
    "occurred_at": "occurred",
    "is_time_corrected": "false",
    "event_type": "event_type",
    "feature_properties": "CASE WHEN name = '' THEN MAP {}::MAP(VARCHAR, VARCHAR) ELSE MAP {name: value} END",
    "user_id": "CASE WHEN who >= 0.004 THEN id('user-', n) END",
    "amplitude_id": "CASE WHEN who >= 0.004 THEN 100000000000 ELSE 200000000000 END + n",
    "device_id": "md5('device' || n || CASE WHEN who > 0.8 THEN 'second' ELSE '' END)",
    "session_id": "CASE WHEN who > 0.98 THEN -1 ELSE epoch_ms(local_date::TIMESTAMP) + 1000 * (drawn % 1000)::INT "
    "+ (i // 6) END",
    "account_group": "CASE WHEN naming < 0.9 OR (naming BETWEEN 0.95 AND 0.995 AND i = 0) THEN id('orgn-', acting) END",
    "account_property": "CASE WHEN naming >= 0.9 AND naming < 0.95 THEN id('orgn-', acting) END",
    "email_domain": "email_domain",
}


def rules() -> tuple[FeatureRule, ...]:
    """The sandbox company's feature registry."""
    cells = [(feature, rule) for feature in FEATURES for rule in feature.signal.rules]
    return tuple(
        FeatureRule(
            rule_no=number, feature_key=feature.key, feature_name=feature.key, feature_set=feature.group.name,
            product_line=feature.line, event_type=pattern, property=name or None, property_value=value or None,
            owner=feature.group.owner, team=feature.group.team,
        )
        for number, (feature, (pattern, name, value)) in enumerate(cells, start=1)
    )  # fmt: skip


def _kinds() -> dict[str, object]:
    """Every kind of event as parallel lists, and how often each is drawn as a list of slots."""
    weights = []
    for kind in KINDS:
        feature = next(iter(features_of(kind)), None)
        weights.append(max(FEATURES[feature].weight if feature is not None else 6, 0.0) * kind.share)
    slots = [n for n, weight in enumerate(weights) for _ in range(round(_SLOTS * weight / sum(weights)))]
    properties = [dict(kind.properties) for kind in KINDS]
    return {
        "types": [kind.event_type for kind in KINDS],
        "names": [next(iter(own), "") for own in properties],
        "values": [next(iter(own.values()), "") for own in properties],
        "features": [next(iter(features_of(kind)), None) for kind in KINDS],
        "slots": slots,
    }


def _midnight(day: date) -> datetime:
    return (
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE)).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    )


def company(folder: Path) -> Company:
    return Company(
        folder=folder, name="Benchmark", reporting_currency="USD", time_zone=ZONE, features=rules(),
        lens_dimensions=("size", "industry"),
        events=Events(internal=Internal(email_domains=("own.example",)), account_user_property="account_id"),
    )  # fmt: skip


def build(warehouse: Path, days: int, daily: int, accounts: int = 2_000) -> None:
    """Fill the raw tables of a new warehouse: ``days`` of ``daily`` events to LAST, and the day after in a file that
    `show` turns to."""
    lake = warehouse.with_suffix(".lake")
    lake.mkdir(parents=True, exist_ok=True)
    start, own = LAST - timedelta(days=days - 1), company(warehouse.parent)
    kinds = _kinds()
    values = {
        "start": start, "days": days, "accounts": accounts, "people": daily * 2 // 3, "daily": daily,
        "feature_count": len(FEATURES), "last": LAST, **{name: kinds[name] for name in kinds if name != "slots"},
    }  # fmt: skip
    with write(warehouse) as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS made")
        write_raw(con, own)
        choose(own).write(con)
        load_closes(con, Home(warehouse.parent), "benchmark", "models")
        for table in TABLES:
            extra = ", vanished_on DATE" if table.name == "subscription_items" else ""
            columns = ", ".join(f'"{column.name}" {column.sql_type}' for column in table.columns)
            con.execute(f"CREATE OR REPLACE TABLE {RAW}.{table.name} ({columns}{extra})")
        con.execute(
            f"""CREATE OR REPLACE TABLE {RAW}.finance_state AS SELECT 'minimum' AS mode, DATE '2026-10-31' AS as_of,
            1 AS delivery_number, '0' AS content_hash, DATE '2026-10-31' AS landed_on, false AS has_invoices,
            false AS has_gl, false AS has_control_totals, true AS has_entitlements, true AS has_identity_map"""
        )
        _people(con, values)
        for number, begin in enumerate(range(0, days, _CHUNK)):
            first = start + timedelta(days=begin)
            last = min(first + timedelta(days=_CHUNK - 1), LAST)
            _events(con, lake / f"{number:03}.parquet", first, last, kinds)
        _events(con, lake / "tomorrow.parquet", LAST + timedelta(days=1), LAST + timedelta(days=1), kinds)
        con.execute("DROP SCHEMA made CASCADE")
        show(con, lake, start)


def _people(con: duckdb.DuckDBPyConnection, values: dict[str, object]) -> None:
    for batch in (_MACROS, _ACCOUNTS, _MONEY, _PEOPLE):
        for statement in batch.split(";"):
            con.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})


def _events(con: duckdb.DuckDBPyConnection, file: Path, first: date, last: date, kinds: dict[str, object]) -> None:
    columns = ", ".join(
        f"CAST({_VALUES.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in EVENT_COLUMNS.items()
    )
    slots = kinds["slots"]
    assert isinstance(slots, list)
    query = _EVENTS.replace("$columns", columns).replace("$slotcount", str(len(slots))).replace("$slots", str(slots))
    query = query.replace("$from", str(first)).replace("$to", str(last)).replace("$zone", ZONE)
    con.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")


def show(con: duckdb.DuckDBPyConnection, lake: Path, start: date, tomorrow: bool = False) -> None:
    """What a refresh hands over to dbt: with ``tomorrow`` the one new day, without it everything before it."""
    files = [lake / "tomorrow.parquet"] if tomorrow else sorted(lake.glob("[0-9]*.parquet"))
    last = LAST + timedelta(days=int(tomorrow))
    con.execute(f"CREATE OR REPLACE VIEW raw.amplitude_events AS SELECT * FROM read_parquet({[str(f) for f in files]})")
    con.execute(
        f"""CREATE OR REPLACE TABLE raw.amplitude_hours AS
        SELECT unnest(generate_series(TIMESTAMP '{_midnight(start)}',
                TIMESTAMP '{_midnight(last + timedelta(days=1))}' - INTERVAL 1 HOUR, INTERVAL 1 HOUR)) AS upload_hour,
            'loaded' AS state, 1 AS parts, 0::BIGINT AS records, 0::BIGINT AS staged, 0::BIGINT AS duplicates,
            0::BIGINT AS late_resends, 0::BIGINT AS quarantined, 0::BIGINT AS erased, 0::BIGINT AS bytes,
            NULL::VARCHAR AS sha256, 1 AS attempts, NULL::TIMESTAMP AS loaded_at, 0::BIGINT AS insert_id_duplicates"""
    )
    con.execute("CREATE OR REPLACE TABLE raw.amplitude_merges (amplitude_id BIGINT, survivor BIGINT)")
    con.execute(
        """CREATE OR REPLACE TABLE raw.amplitude_merge_facts
        (amplitude_id BIGINT, survivor BIGINT, merged_at TIMESTAMP, verdict VARCHAR)"""
    )
    con.execute("CREATE OR REPLACE TABLE raw.rebuild_plan (layer VARCHAR, local_date DATE)")
    look_back(con, [last] if tomorrow else [])
    if tomorrow:
        con.execute(
            "INSERT INTO raw.rebuild_plan SELECT unnest(['events', 'activity', 'marts', 'adoption']), ?::DATE", [last]
        )


if __name__ == "__main__":
    build(Path(sys.argv[1]), *(int(size) for size in sys.argv[2:]))
