-- The days of a month on which anybody used a feature, as bits: bit 0 is the first of the month. Small enough that the
-- last use ever is found without reading the core.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'activity', 'rebuild_truncate': 'month'}
) }}

select
    month_start,
    feature_key,
    bit_or(days) as days
from {{ ref('int_usage__user_month') }}
where {{ rebuild_predicate('month_start', 'activity', truncate='month') }}
    and feature_key <> ''
group by month_start, feature_key
order by month_start
