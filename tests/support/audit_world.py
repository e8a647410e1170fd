"""A handmade warehouse in which every check holds: the tables that the audit models read, a few rows each."""

from __future__ import annotations

from pathlib import Path

from assets.warehouse import write

UNREAD_FINANCE = (
    "subscription_items", "account_segments", "products", "product_succession", "bundle_allocation", "discounts",
    "invoice_lines", "gl_revenue", "fx_rates", "identity_map", "entitlements", "control_totals", "arr_month",
)  # fmt: skip
FILLED_MARTS = (
    "dim_account", "dim_account_segment", "dim_date", "dim_feature", "extraction_hours", "fct_arr_movement",
    "identity_report", "fct_user_activity_day", "fct_feature_usage_day",
    "account_adoption", "instrumentation", "usage_lifecycle", "stickiness_histogram",
)  # fmt: skip

TABLES = {
    **{f"raw.{table}": "SELECT 1 AS x WHERE false" for table in UNREAD_FINANCE},
    **{f"marts.{table}": "SELECT 1 AS x" for table in FILLED_MARTS},
    "raw.company": "SELECT 'UTC' AS time_zone",
    "raw.amplitude_key_samples": """
        SELECT TIMESTAMP '2025-02-28 00:00:00' AS upload_hour, 5::BIGINT AS lines, []::VARCHAR[] AS new_keys,
            []::VARCHAR[] AS missing_keys""",
    "raw.amplitude_type_days": """
        SELECT DATE '2025-02-28' AS upload_day, 'Report Opened' AS event_type, 240::BIGINT AS events,
            240::BIGINT AS sampled""",
    "audit.audit_drift_keys": "SELECT 'new_keys' AS kind, DATE '2025-02-28' AS first_seen, 'k' AS drift WHERE false",
    "audit.audit_drift_properties": "SELECT DATE '2025-02-28' AS first_seen, 'p' AS drift WHERE false",
    "audit.audit_drift_event_types": "SELECT DATE '2025-02-28' AS first_seen, 'e' AS drift WHERE false",
    "audit.audit_drift_volume": """
        SELECT TIMESTAMP '2025-02-28 09:00:00' AS upload_hour, false AS is_odd, 'too many' AS drift""",
    "raw.accounts": "SELECT 'a1' AS account_id",
    "raw.feature_rules": "SELECT 'f1' AS feature_key",
    "quality.quarantine": "SELECT 'finance' AS source, 'accounts' AS table_name WHERE false",
    "raw.amplitude_hours": """
        SELECT TIMESTAMP '2025-02-27 00:00:00' + to_hours(i::INT) AS upload_hour, 'loaded' AS state,
            12 AS records, 10 AS staged, 1 AS duplicates, 1 AS late_resends, 0 AS quarantined, 1 AS erased
        FROM range(48) t(i)""",
    "staging.stg_finance__state": "SELECT 'full' AS mode, DATE '2025-02-28' AS as_of, true AS has_control_totals",
    "staging.stg_company__settings": "SELECT 'Acme' AS company_name",
    "intermediate.int_usage__watermarks": """
        SELECT DATE '2025-02-27' AS first_date, DATE '2025-02-28' AS usage_watermark,
            DATE '2025-02-28' AS joint_watermark""",
    "intermediate.int_usage__event_day": """
        SELECT DATE '2025-02-27' + i::INT AS local_date, 240 AS events FROM range(2) t(i)""",
    "audit.fx_missing": "SELECT DATE '2025-02-01' AS month_start, 'USD' AS currency WHERE false",
    "audit.items_unvalued": "SELECT 'i1' AS item_id, 'term_without_dates' AS problem WHERE false",
    "marts.tie_out": """
        SELECT months.month_start, checks.check_key, 'all' AS lens, 'all' AS lens_value,
            5::DECIMAL(18,2) AS left_value, 5::DECIMAL(18,2) AS right_value, 0.00::DECIMAL(18,2) AS unexplained,
            0.01::DECIMAL(18,2) AS tolerance, 'ok' AS status
        FROM (VALUES (DATE '2025-01-01'), (DATE '2025-02-01')) months(month_start),
            (VALUES ('roll_forward'), ('grains_agree'), ('control_total'), ('arr_to_billing'), ('mrr_to_gl'))
                checks(check_key)""",
    "marts.fct_arr_month": """
        SELECT DATE '2025-02-01' AS month_start, 'a1' AS account_id, 'Core' AS product_line,
            100::DECIMAL(18,2) AS arr""",
    "marts.month_closes": "SELECT DATE '2025-02-01' AS month_start, 1 AS close_number, true AS is_in_force",
    "marts.arr_month_as_reported": """
        SELECT DATE '2025-02-01' AS month_start, 1 AS close_number, 'a1' AS account_id, 'Core' AS product_line,
            90::DECIMAL(18,2) AS arr""",
    "marts.restatements": """
        SELECT DATE '2025-02-01' AS month_start, 'a1' AS account_id, 'Core' AS product_line, 'size' AS dimension,
            unnest([10, -90, 90])::DECIMAL(18,2) AS delta, unnest(['source', 'segment', 'segment']) AS cause""",
    "marts.arr_bridge_as_reported": """
        SELECT DATE '2025-02-01' AS month_start, 80 AS opening_arr, 0 AS new_arr, 0 AS reactivation_arr,
            0 AS expansion_arr, 0 AS contraction_arr, 0 AS churn_arr, 0 AS fx_arr, 0 AS transfer_in_arr,
            0 AS transfer_out_arr, 10 AS prior_period_adjustment_arr, 90 AS closing_arr""",
    "marts.arr_by_segment": """
        SELECT DATE '2025-02-01' AS month_start, NULL::DOUBLE AS quick_ratio, 8.33::DECIMAL(18,2) AS arpa""",
    "marts.arr_by_product_line": "SELECT DATE '2025-02-01' AS month_start, 1::DOUBLE AS attach_rate",
    "marts.arr_by_segment_and_product_line": "SELECT DATE '2025-02-01' AS month_start, 1::DOUBLE AS share_of_arr",
    "marts.board_metrics": "SELECT DATE '2025-02-01' AS period_start, -5::DOUBLE AS value, 'money' AS publish_group",
    "marts.revenue_retention": "SELECT 1.1::DOUBLE AS nrr, 1::DOUBLE AS grr, 0.5::DOUBLE AS logo_retention",
    "marts.arr_cohorts": "SELECT 1.1::DOUBLE AS nrr, 1::DOUBLE AS grr, 0.5::DOUBLE AS logo_retention",
    "marts.arr_renewals": "SELECT 1::DOUBLE AS renewal_rate",
    "marts.product_economics": "SELECT -0.5::DOUBLE AS gross_margin, -2::DOUBLE AS magic_number",
    "marts.active_usage": """
        SELECT period_grain, period_start, 0.5::DOUBLE AS stickiness
        FROM (VALUES ('day', DATE '2025-02-28'), ('month', DATE '2025-02-01')) periods(period_grain, period_start)""",
    "marts.unmapped_events": "SELECT 'page_view' AS event_type, 0.25::DOUBLE AS share_of_events",
    "marts.adoption": """
        SELECT DATE '2025-02-01' AS month_start, 0.5::DOUBLE AS adoption_rate, 0.5::DOUBLE AS established_rate,
            0.5::DOUBLE AS arr_adoption_rate, 1.5::DOUBLE AS active_seat_rate, 2::DOUBLE AS breadth,
            3::DOUBLE AS days_per_account""",
    "marts.usage_retention": "SELECT 0.5::DOUBLE AS retention",
    "marts.time_to_adopt": """
        SELECT 0.25::DOUBLE AS adopted_by_7d, 0.5::DOUBLE AS adopted_by_28d, NULL::DOUBLE AS adopted_by_90d""",
}


def build_world(warehouse: Path, *changes: str) -> None:
    """Creates the tables, then applies the SQL ``changes`` that a test is about."""
    with write(warehouse) as con:
        con.execute("BEGIN")
        for schema in ("staging", "intermediate", "marts", "audit"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, select in TABLES.items():
            con.execute(f"CREATE OR REPLACE TABLE {name} AS {select}")
        for change in changes:
            con.execute(change)
        con.execute("COMMIT")
