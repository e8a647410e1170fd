"""Usage by plain SQL over the raw events: what an analyst would write without a core, and what the marts must equal.

It rests on what the made-up company happens to be: a device is one person's, and whoever does not name an account has
only one. Each query answers a part of its mart, so the mart's time is compared with less than its own work.
"""

from __future__ import annotations

ZONE = "America/New_York"

# the baseline of core, active_usage and adoption
DAILY = f"""
SELECT timezone('{ZONE}', timezone('UTC', occurred_at))::DATE AS local_date,
    coalesce(account_group, account_property) AS account, user_id, event_type, count(*) AS events
FROM raw.amplitude_events
GROUP BY ALL
"""

_EVENT = f"""
device AS (
    SELECT DISTINCT device_id, user_id AS owner FROM raw.amplitude_events WHERE user_id IS NOT NULL
),
member AS (
    SELECT user_id, any_value(account_group) AS own_account FROM raw.amplitude_events
    WHERE account_group IS NOT NULL GROUP BY ALL
),
staff AS (
    SELECT DISTINCT user_id FROM raw.amplitude_events WHERE email_domain = 'own.example' AND user_id IS NOT NULL
),
event AS (
    SELECT timezone('{ZONE}', timezone('UTC', occurred_at))::DATE AS local_date,
        coalesce(raw.amplitude_events.user_id, owner) AS person,
        replace(coalesce(account_group, account_property, own_account), 'orgn-', 'acct-') AS account_id, event_type,
        feature_properties
    FROM raw.amplitude_events LEFT JOIN device USING (device_id)
        LEFT JOIN member ON member.user_id = coalesce(raw.amplitude_events.user_id, owner)
    WHERE coalesce(raw.amplitude_events.user_id, owner) NOT IN (SELECT user_id FROM staff)
        AND event_type NOT IN ('session_start', '$identify')
        AND coalesce(account_group, account_property, own_account, '') <> 'orgn-0000000000000'
),
kind AS (
    SELECT DISTINCT event_type, feature_properties, scope, scope_key
    FROM (SELECT DISTINCT event_type, feature_properties FROM raw.amplitude_events) AS sent
    CROSS JOIN (
        SELECT replace(replace(event_type, '*', '%'), '?', '_') AS pattern, property, property_value,
            unnest(['feature', 'feature_set', 'product_line']) AS scope,
            unnest([feature_key, feature_set, product_line]) AS scope_key
        FROM raw.feature_rules
        UNION ALL SELECT '%', NULL, NULL, 'all', 'all'
    ) AS rules
    WHERE event_type LIKE pattern AND (property IS NULL OR feature_properties[property] = property_value)
),
used AS (
    SELECT person, account_id, local_date, date_trunc('$grain', local_date)::DATE AS period_start, scope, scope_key
    FROM event JOIN kind USING (event_type, feature_properties)
    WHERE scope IN ($scopes)
),
segment AS (
    SELECT account_id, dimension, value AS segment, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to
    FROM raw.account_segments
)
"""

_RETENTION = f"""
WITH {_EVENT},
entry AS (
    SELECT 'first_time' AS mode, person, scope, scope_key, min(local_date) AS entered_on FROM used GROUP BY ALL
    UNION ALL
    SELECT 'recurring', person, scope, scope_key, min(local_date) FROM used
    GROUP BY person, scope, scope_key, period_start
),
cohort AS (
    SELECT DISTINCT mode, person, scope, scope_key, date_trunc('$grain', entered_on)::DATE AS cohort_start,
        unnest([dimension, 'all']) AS dimension, unnest([coalesce(segment, 'unassigned'), 'all']) AS segment
    FROM entry JOIN used USING (person, scope, scope_key)
        LEFT JOIN segment ON used.account_id = segment.account_id AND dimension = 'size'
            AND entered_on >= valid_from AND entered_on < valid_to
    WHERE local_date = entered_on
)
SELECT mode, cohort_start, coalesce(dimension, 'size') AS dimension, segment, scope, scope_key,
    datediff('$grain', cohort_start, period_start) AS period_number, count(DISTINCT person) AS retained
FROM cohort JOIN used USING (person, scope, scope_key)
WHERE period_start >= cohort_start
GROUP BY ALL
HAVING period_number <= $last
"""

_LIFECYCLE = f"""
WITH {_EVENT},
placed AS (
    SELECT person, scope, scope_key, period_start, unnest(['size', 'all']) AS dimension,
        unnest([coalesce(segment, 'unassigned'), 'all']) AS segment
    FROM used LEFT JOIN segment ON used.account_id = segment.account_id AND segment.dimension = 'size'
        AND local_date >= valid_from AND local_date < valid_to
),
first_ever AS (
    SELECT person, dimension, segment, scope, scope_key, min(period_start) AS first_period FROM placed GROUP BY ALL
)
SELECT now.period_start, dimension, segment, scope, scope_key, count(DISTINCT person) AS active,
    count(DISTINCT CASE WHEN first_period = now.period_start THEN person END) AS "new",
    count(DISTINCT before.person) AS "returning",
    count(DISTINCT CASE WHEN first_period < now.period_start AND before.person IS NULL THEN person END) AS resurrected
FROM placed AS now JOIN first_ever USING (person, dimension, segment, scope, scope_key)
    LEFT JOIN (
        SELECT DISTINCT person, dimension, segment, scope, scope_key, period_start FROM placed
    ) AS before ON now.person = before.person AND now.dimension = before.dimension AND now.segment = before.segment
        AND now.scope = before.scope AND now.scope_key = before.scope_key
        AND before.period_start = (now.period_start - INTERVAL 1 $grain)::DATE
GROUP BY ALL
"""
# what counts in the core, by date
COUNTED = f"WITH {_EVENT} SELECT local_date, count(*) AS events FROM event GROUP BY ALL"
COUNTED = COUNTED.replace("$grain", "day").replace("$scopes", "'all'")
LAST = {"week": 26, "month": 24}


def _filled(sql: str, grain: str, scopes: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{scope}'" for scope in scopes)
    return sql.replace("$grain", grain).replace("$scopes", listed).replace("$last", str(LAST[grain]))


def retention(grain: str, scopes: tuple[str, ...]) -> str:
    """Users only, both modes, the total and the segments of size."""
    return _filled(_RETENTION, grain, scopes)


def lifecycle(grain: str, scopes: tuple[str, ...]) -> str:
    """Users only, the total and the segments of size."""
    return _filled(_LIFECYCLE, grain, scopes)
