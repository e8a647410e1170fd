-- What became of the ARR of 1, 3 and 12 months ago: by what was paid for, and by who used what.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}
{% set figures = ['cohort_accounts', 'retained_accounts', 'start_arr', 'end_arr', 'capped_arr', 'cross_sell_arr'] %}
{% set keys = ['month_start', 'window_months', 'dimension', 'segment', 'is_total', 'scope', 'scope_key'] %}

with cells as (
    select
        {{ keys | join(', ') }}, cast(null as boolean) as adopter,
        {{ figures | join(', ') }}, is_complete
    from {{ ref('int_money__retention_cells') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}

    union all

    select
        {{ keys | join(', ') }}, adopter,
        {{ figures | join(', ') }}, is_complete
    from {{ ref('int_usage__adopter_retention') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
)

select
    {{ keys | join(', ') }},
    adopter,
    {{ figures | join(', ') }},
    cast(end_arr as double) / nullif(cast(start_arr as double), 0) as nrr,
    cast(capped_arr as double) / nullif(cast(start_arr as double), 0) as grr,
    cast(retained_accounts as double) / nullif(cohort_accounts, 0) as logo_retention,
    cohort_accounts < 10 as is_small,
    is_complete
from cells
