-- Per date and scope the units that used it on the date, and how many of them did so on each of the 30 following ones:
-- array position 1 is the cohort itself. Totals only.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'followed_until', 'rebuild_layer': 'marts'}
) }}

with {{ cohort_windows('day') }},

blocks as (
    select
        {{ count_block('unit_no') }} as block_no, unit_no > 0 as is_user, scope_no, cohort_start, is_first,
        {{ count_lanes('day') }}
    from followed
    group by block_no, is_user, scope_no, cohort_start, is_first
),

cohorts as (
    select
        is_user, scope_no, cohort_start, 'all' as dimension, 'all' as segment, true as is_total,
        {{ counts_by_period('day') }}
    from blocks
    group by is_user, scope_no, cohort_start
)

{{ cohort_rows('day') }}
