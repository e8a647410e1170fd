-- On how many days of a month the active units were active.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'marts', 'rebuild_truncate': 'month'}
) }}
{% set key = 'month_start, unit, dimension, segment, is_total, scope, scope_key' %}

with counts as (
    select {{ key }}, unnest(map_entries(units_by_days)) as entry
    from {{ ref('int_usage__active_month') }}
    where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
),

days as (
    select {{ key }}, cast(entry.key as integer) as days_active, cast(entry.value as bigint) as units
    from counts
    -- a unit of the look-back has no day in the month
    where entry.key > 0
)

select
    {{ key.replace('month_start', 'days.month_start') }},
    days.days_active,
    days.units,
    cast(sum(days.units) over (
        partition by {{ key }} order by days.days_active desc rows between unbounded preceding and current row
    ) as bigint) as units_at_least,
    {{ dbt.last_day('days.month_start', 'month') }} <= watermarks.usage_watermark as is_complete
from days
cross join {{ ref('int_usage__watermarks') }} as watermarks
