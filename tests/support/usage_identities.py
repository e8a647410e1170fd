"""The identities that every company's usage marts hold, whatever its history: one query each, with what breaks it.

They read published marts only, so they hold in a build warehouse and in a release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Query = Callable[[str], list[tuple[Any, ...]]]
CELL = "unit, dimension, segment, scope, scope_key"
_NEXT = """CASE period_grain WHEN 'day' THEN period_start + 1 WHEN 'week' THEN period_start + 7
    ELSE (period_start + INTERVAL 1 MONTH)::DATE END"""
_STEPS = """CASE period_grain WHEN 'day' THEN cohort_start + period_number
    WHEN 'week' THEN cohort_start + 7 * period_number ELSE (cohort_start + to_months(period_number))::DATE END"""


def _differ(left: str, right: str, keys: str) -> str:
    """Rows of two queries with equal columns that are not the same; the last column is the figure, 0 where absent."""
    return f"""
        SELECT {keys}, l.figure, r.figure FROM ({left}) AS l FULL JOIN ({right}) AS r USING ({keys})
        WHERE coalesce(l.figure, 0) <> coalesce(r.figure, 0)"""


def _bounded(mart: str, keys: str, figure: str, where: str = "true") -> str:
    """A total of distinct units is at least any segment's, and at most the sum over a dimension's segments."""
    return f"""
        WITH totals AS (SELECT {keys}, {figure} AS total FROM marts.{mart} WHERE is_total AND {where}),
        grid AS (SELECT totals.*, dimension FROM totals CROSS JOIN (
            SELECT DISTINCT dimension FROM marts.{mart} WHERE NOT is_total AND {where}
        )),
        parts AS (
            SELECT {keys}, dimension, max({figure}) AS most, sum({figure}) AS together FROM marts.{mart}
            WHERE NOT is_total AND {where} GROUP BY ALL
        )
        SELECT {keys}, dimension, total, most, together FROM grid FULL JOIN parts USING ({keys}, dimension)
        WHERE total IS NULL OR total < coalesce(most, 0) OR total > coalesce(together, 0)"""


def _adds_up(mart: str, keys: str, figure: str, where: str = "true") -> str:
    """An account is in one segment of a dimension, so counts of accounts at a date add up to the total."""
    return f"""
        WITH totals AS (SELECT {keys}, {figure} AS total FROM marts.{mart} WHERE is_total AND {where}),
        parts AS (
            SELECT {keys}, dimension, sum({figure}) AS together FROM marts.{mart}
            WHERE NOT is_total AND {where} GROUP BY ALL
        )
        SELECT {keys}, dimension, total, together FROM totals JOIN parts USING ({keys})
        WHERE total IS DISTINCT FROM together"""


def _wider(narrow: str, scope: str, key: str) -> str:
    """Use of a feature is use of its set, its product line, and any use."""
    periods = "period_grain, period_start, unit, dimension, segment"
    return f"""
        SELECT * FROM marts.active_usage AS own
        JOIN (SELECT DISTINCT {narrow} AS scope_key, {key} AS wider_key FROM marts.dim_feature) USING (scope_key)
        LEFT JOIN (SELECT {periods}, scope_key AS wider_key, active AS wider_active FROM marts.active_usage
            WHERE scope = '{scope}') USING ({periods}, wider_key)
        WHERE own.scope = '{"feature" if narrow == "feature_key" else narrow}' AND own.active > 0
            AND own.active > coalesce(wider_active, 0)"""


_RETAINED = "period_grain, cohort_start, mode, unit, scope, scope_key, period_number"
_OF_TOTALS = "period_grain, period_start, unit, scope, scope_key"

IDENTITIES: dict[str, str] = {
    "active = new + returning + resurrected": """
        SELECT * FROM marts.usage_lifecycle WHERE active <> "new" + "returning" + resurrected
            OR least("new", "returning", resurrected, dormant) < 0""",
    "active = active before + new + resurrected - dormant": f"""
        SELECT * FROM (
            SELECT *, lag(active, 1, 0) OVER (PARTITION BY period_grain, {CELL} ORDER BY period_start) AS before
            FROM marts.usage_lifecycle
        ) WHERE active <> before + "new" + resurrected - dormant OR before <> "returning" + dormant""",
    "lifecycle has the rows and the active of active_usage": f"""
        SELECT * FROM marts.usage_lifecycle AS l
        FULL JOIN (SELECT * FROM marts.active_usage WHERE period_grain <> 'day' OR is_total) AS a
            USING (period_grain, period_start, {CELL})
        WHERE l.active IS DISTINCT FROM a.active OR l.is_complete IS DISTINCT FROM a.is_complete""",
    "active_usage and lifecycle are dense": f"""
        SELECT * FROM (
            SELECT *, lead(period_start) OVER (
                PARTITION BY mart, period_grain, {CELL} ORDER BY period_start
            ) AS following
            FROM (
                SELECT 'active_usage' AS mart, period_grain, period_start, {CELL} FROM marts.active_usage
                UNION ALL SELECT 'usage_lifecycle', period_grain, period_start, {CELL} FROM marts.usage_lifecycle
            )
        ) WHERE following IS NOT NULL AND following <> {_NEXT}""",
    "a day is in its week, a week in its 28 days": """
        SELECT * FROM marts.active_usage WHERE rolling_7d > rolling_28d OR daily_active_sum > rolling_28d_sum
            OR (period_grain = 'day' AND active > rolling_7d) OR (period_grain = 'week' AND active <> rolling_7d)""",
    "totals of active_usage bound their segments": _bounded("active_usage", _OF_TOTALS, "active"),
    "totals of rolling windows bound their segments": _bounded("active_usage", _OF_TOTALS, "rolling_28d"),
    "a feature is within its set": _wider("feature_key", "feature_set", "feature_set"),
    "a feature is within its line": _wider("feature_key", "product_line", "product_line"),
    "a set is within any use": _wider("feature_set", "all", "'all'"),
    "a line is within any use": _wider("product_line", "all", "'all'"),
    "cell 0 is the cohort": """
        SELECT * FROM marts.usage_retention WHERE (period_number = 0 AND retained <> cohort_size)
            OR retained > cohort_size OR cohort_size < 1 OR abs(retention - retained / cohort_size) > 1e-12""",
    "every cell of a cohort tells the same size, the first among them": f"""
        SELECT period_grain, cohort_start, mode, {CELL} FROM marts.usage_retention GROUP BY ALL
        HAVING min(cohort_size) <> max(cohort_size) OR min(period_number) <> 0""",
    "total cohorts by week and month have every period": f"""
        SELECT period_grain, cohort_start, mode, {CELL} FROM marts.usage_retention
        WHERE is_total AND period_grain <> 'day' GROUP BY ALL HAVING count(*) <> max(period_number) + 1""",
    "totals of retention bound their segments": _bounded(
        "usage_retention", _RETAINED, "retained", "retained > 0 AND period_grain <> 'day'"
    ),
    "who used it in a period is its recurring cohort": _differ(
        f"""SELECT {_OF_TOTALS.replace("period_start", "cohort_start AS period_start")}, cohort_size AS figure
        FROM marts.usage_retention WHERE is_total AND mode = 'recurring' AND period_number = 0""",
        f"SELECT {_OF_TOTALS}, active AS figure FROM marts.active_usage WHERE is_total",
        _OF_TOTALS,
    ),
    "new units are the first-time cohort": _differ(
        f"""SELECT {_OF_TOTALS.replace("period_start", "cohort_start AS period_start")}, cohort_size AS figure
        FROM marts.usage_retention WHERE is_total AND mode = 'first_time' AND period_number = 0""",
        f"""SELECT {_OF_TOTALS}, "new" AS figure FROM marts.usage_lifecycle WHERE is_total""",
        _OF_TOTALS,
    ),
    "returning units are the recurring cohort one period on": _differ(
        f"""SELECT {_OF_TOTALS.replace("period_start", _STEPS + " AS period_start")}, retained AS figure
        FROM marts.usage_retention WHERE is_total AND mode = 'recurring' AND period_number = 1""",
        f"""SELECT {_OF_TOTALS}, "returning" AS figure FROM marts.usage_lifecycle WHERE is_total""",
        _OF_TOTALS,
    ),
    "units by days are the units of the month": f"""
        SELECT * FROM (
            SELECT month_start AS period_start, {CELL}, sum(units) AS units, sum(units * days_active) AS days,
                max(units_at_least) AS most
            FROM marts.stickiness_histogram GROUP BY ALL
        ) FULL JOIN (SELECT * FROM marts.active_usage WHERE period_grain = 'month' AND active > 0)
            USING (period_start, {CELL})
        WHERE units IS DISTINCT FROM active OR most IS DISTINCT FROM active
            OR days IS DISTINCT FROM daily_active_sum""",
    "at least k days is k days or more": f"""
        SELECT * FROM (
            SELECT *, sum(units) OVER (PARTITION BY month_start, {CELL} ORDER BY days_active DESC) AS expected
            FROM marts.stickiness_histogram
        ) WHERE units_at_least <> expected OR days_active NOT BETWEEN 1 AND day(last_day(month_start))""",
    **{
        f"segments of adoption add up: {figure}": _adds_up("adoption", "month_start, scope, scope_key", figure)
        for figure in ("entitled_accounts", "adopted_ever", "adopted_established", "current_accounts",
                       "off_entitlement_accounts", "events", "entitled_arr", "adopted_arr", "seats")
    },
    "totals of adopting users bound their segments": _bounded(
        "adoption", "month_start, scope, scope_key", "active_users", "active_users > 0"
    ),
    "adopted accounts are entitled": """
        SELECT * FROM marts.adoption WHERE current_accounts > adopted_ever OR adopted_established > adopted_ever
            OR adopted_ever > entitled_accounts OR adopted_arr > entitled_arr""",
    "the accounts behind adoption": """
        SELECT * FROM (
            SELECT month_start, feature_key AS scope_key, count_if(entitled) AS entitled,
                count_if(entitled AND first_used_on IS NOT NULL) AS ever,
                count_if(state IN ('tried', 'established')) AS active,
                count_if(state = 'off_entitlement' AND days_28d > 0) AS off,
                count_if(state = 'established') AS established
            FROM marts.account_adoption GROUP BY ALL
        ) AS accounts
        FULL JOIN (SELECT * FROM marts.adoption WHERE is_total AND scope = 'feature') AS cells
            USING (month_start, scope_key)
        WHERE coalesce(entitled, 0) <> coalesce(entitled_accounts, 0) OR coalesce(ever, 0) <> coalesce(adopted_ever, 0)
            OR coalesce(active, 0) <> coalesce(current_accounts, 0) OR established > adopted_established
            OR coalesce(off, 0) <> coalesce(off_entitlement_accounts, 0)""",
    "states follow from the dates": """
        SELECT * FROM marts.account_adoption
        WHERE entitled = (state = 'off_entitlement') OR (state = 'never') <> (entitled AND first_used_on IS NULL)
            OR first_used_on > last_used_on OR (days_28d > 0) <> (users_28d > 0)
            OR (state = 'lapsed') <> (entitled AND first_used_on IS NOT NULL AND days_28d = 0)""",
    "clocks of segments add up": _adds_up("time_to_adopt", "feature_key", "accounts"),
    "more time, more adopters": """
        SELECT * FROM marts.time_to_adopt WHERE adopted_by_7d > adopted_by_28d OR adopted_by_28d > adopted_by_90d
            OR adopters > accounts""",
    "complete periods come first": """
        SELECT period_grain FROM (
            SELECT period_grain, period_end, is_complete FROM marts.active_usage
            UNION ALL SELECT period_grain, period_end, is_complete FROM marts.usage_lifecycle
            UNION ALL SELECT period_grain, period_end, is_complete FROM marts.usage_retention
        ) GROUP BY ALL
        HAVING max(CASE WHEN is_complete THEN period_end END) >= min(CASE WHEN NOT is_complete THEN period_end END)""",
}  # fmt: skip


def broken(query: Query) -> dict[str, list[tuple[Any, ...]]]:
    """Identity → the first rows that break it, for those that are broken."""
    found = {name: query(f"SELECT * FROM ({sql}) LIMIT 5") for name, sql in IDENTITIES.items()}
    return {name: rows for name, rows in found.items() if rows}
