"""The identities that every company's money marts hold, whatever its history: one query each, with what breaks it."""

from __future__ import annotations

from support.money_world import Query

CLASSES = (
    "new_logo", "reactivation", "cross_sell", "product_winback", "upsell", "downsell", "product_churn", "logo_churn",
    "migration_in", "migration_out", "fx",
)  # fmt: skip
_SUM = " + ".join(f"{name}_arr" for name in CLASSES)
_NEXT = "(month_start + INTERVAL 1 MONTH)::DATE"
_LAST = "(SELECT max(month_start) FROM intermediate.int_calendar__money_months)"


def _bridge(grain: str, keys: str) -> str:
    """Opening and movements against closing, per account or account and line, from the ARR facts alone."""
    return f"""
        WITH arr AS (SELECT month_start, {keys}, sum(arr) AS arr FROM marts.fct_arr_month GROUP BY ALL),
        sides AS (
            SELECT month_start, {keys}, arr FROM arr
            UNION ALL SELECT {_NEXT}, {keys}, -arr FROM arr WHERE {_NEXT} <= {_LAST}
            UNION ALL SELECT month_start, {keys}, -arr_delta FROM marts.fct_arr_movement WHERE grain = '{grain}'
        )
        SELECT month_start, {keys}, sum(arr) FROM sides GROUP BY ALL HAVING sum(arr) <> 0"""


def _opens_where_it_closed(mart: str, keys: str) -> str:
    return f"""
        WITH sides AS (
            SELECT month_start, {keys}, opening_arr AS arr FROM marts.{mart}
            UNION ALL SELECT {_NEXT}, {keys}, -closing_arr FROM marts.{mart} WHERE {_NEXT} <= {_LAST}
        )
        SELECT month_start, {keys}, sum(arr) FROM sides GROUP BY ALL HAVING sum(arr) <> 0"""


def _classes_agree() -> str:
    """Every account class against the product classes it is made of, by account and month."""
    pairs = {"new": "new_logo", "reactivation": "reactivation", "churn": "logo_churn", "fx": "fx"}
    cases = " ".join(f"WHEN '{product}' THEN '{account}'" for account, product in pairs.items())
    return f"""
        SELECT month_start, account_id, class, sum(arr) FROM (
            SELECT month_start, account_id,
                CASE WHEN movement IN ('expansion', 'contraction') THEN 'change' ELSE movement END AS class,
                arr_delta AS arr FROM marts.fct_arr_movement WHERE grain = 'account'
            UNION ALL
            SELECT month_start, account_id, CASE movement {cases} ELSE 'change' END, -arr_delta
            FROM marts.fct_arr_movement WHERE grain = 'product'
        ) GROUP BY ALL HAVING sum(arr) <> 0"""


def _cells_agree_with_lines(column: str) -> str:
    return f"""
        WITH cells AS (
            SELECT month_start, dimension, product_line, sum({column}) AS arr
            FROM marts.arr_by_segment_and_product_line GROUP BY ALL
        )
        SELECT * FROM marts.arr_by_product_line AS lines CROSS JOIN raw.lens_dimensions AS lens
        LEFT JOIN cells ON cells.month_start = lines.month_start AND cells.product_line = lines.product_line
            AND cells.dimension = lens.dimension
        WHERE coalesce(cells.arr, 0) <> lines.{column}"""


def _cells_agree_with_segments(cells: str, segments: str) -> str:
    return f"""
        SELECT month_start, dimension, segment, sum(arr) FROM (
            SELECT month_start, dimension, segment, {segments} AS arr FROM marts.arr_by_segment
            UNION ALL SELECT month_start, dimension, segment, -({cells}) FROM marts.arr_by_segment_and_product_line
        ) GROUP BY ALL HAVING sum(arr) <> 0"""


_LINE_CLASSES = " + ".join(
    f"{name}_arr" for name in CLASSES if name not in ("new_logo", "reactivation", "logo_churn", "fx")
)

IDENTITIES: dict[str, str] = {
    "account bridge": _bridge("account", "account_id"),
    "line bridge": _bridge("product", "account_id, product_line"),
    "product movements are those of the account": _classes_agree(),
    "migration nets out": """
        SELECT month_start, account_id FROM marts.fct_arr_movement WHERE movement LIKE 'migration%'
        GROUP BY ALL HAVING sum(arr_delta) <> 0""",
    "effects add up": """
        SELECT * FROM marts.fct_arr_movement
        WHERE price_arr + seats_arr + discount_arr + other_arr <> arr_delta""",
    "one movement": """
        SELECT month_start, grain, account_id, product_line FROM marts.fct_arr_movement
        WHERE movement <> 'fx' AND movement NOT LIKE 'migration%' GROUP BY ALL HAVING count(*) > 1""",
    "one row a movement": """
        SELECT month_start, grain, account_id, product_line, movement FROM marts.fct_arr_movement
        GROUP BY ALL HAVING count(*) > 1""",
    "signs": """
        SELECT * FROM marts.fct_arr_movement WHERE arr_delta = 0
            OR (movement IN ('upsell', 'cross_sell', 'product_winback', 'migration_in', 'expansion') AND arr_delta < 0)
            OR (movement IN ('downsell', 'product_churn', 'migration_out', 'contraction') AND arr_delta > 0)""",
    "line mart bridge": f"SELECT * FROM marts.arr_by_product_line WHERE opening_arr + {_SUM} <> closing_arr",
    "cell bridge": f"""
        SELECT * FROM marts.arr_by_segment_and_product_line
        WHERE opening_arr + {_SUM} + transfer_in_arr + transfer_out_arr <> closing_arr""",
    "lines open where they closed": _opens_where_it_closed("arr_by_product_line", "product_line"),
    "cells open where they closed": _opens_where_it_closed(
        "arr_by_segment_and_product_line", "dimension, segment, product_line"
    ),
    "segments open where they closed": _opens_where_it_closed("arr_by_segment", "dimension, segment"),
    "transfers net out": """
        SELECT month_start, dimension, product_line FROM marts.arr_by_segment_and_product_line
        GROUP BY ALL HAVING sum(transfer_in_arr + transfer_out_arr) <> 0""",
    "segment transfers net out": """
        SELECT month_start, dimension FROM marts.arr_by_segment
        GROUP BY ALL HAVING sum(transfer_in_arr + transfer_out_arr) <> 0""",
    **{
        f"cells agree with lines: {column}": _cells_agree_with_lines(column)
        for column in ("opening_arr", "closing_arr", *(f"{name}_arr" for name in CLASSES))
    },
    **{
        f"cells agree with segments: {segments}": _cells_agree_with_segments(cells, segments)
        for cells, segments in (
            ("opening_arr", "opening_arr"), ("closing_arr", "closing_arr"), ("new_logo_arr", "new_arr"),
            ("reactivation_arr", "reactivation_arr"), ("logo_churn_arr", "churn_arr"), ("fx_arr", "fx_arr"),
            (_LINE_CLASSES, "expansion_arr + contraction_arr"),
            ("transfer_in_arr + transfer_out_arr", "transfer_in_arr + transfer_out_arr"),
        )
    },
    "tie-outs": """
        SELECT * FROM marts.tie_out WHERE check_key IN ('roll_forward', 'grains_agree')
            AND (status = 'fail' OR difference <> 0)""",
}  # fmt: skip


def broken(query: Query) -> dict[str, list[tuple[object, ...]]]:
    """The identities that do not hold, each with the first rows that break it."""
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM ({sql})" for name, sql in IDENTITIES.items())
    return {name: query(f"{IDENTITIES[name]} LIMIT 3") for name, rows in query(counts) if rows}
