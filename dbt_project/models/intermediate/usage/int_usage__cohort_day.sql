-- Per date and scope the units that used it on the date, and how many of them did so on each of the 30 following ones:
-- array position 1 is the cohort itself. Totals only.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'followed_until', 'rebuild_layer': 'marts'}
) }}

with {{ cohort_windows('day') }},

blocks as (
    select
        {{ count_block('followed.unit_no') }} as block_no, numbers.unit, followed.scope_no, followed.cohort_start,
        followed.is_first, {{ count_lanes('day') }}
    from followed
    inner join numbers on followed.unit_no = numbers.unit_no
    group by block_no, numbers.unit, followed.scope_no, followed.cohort_start, followed.is_first
),

cohorts as (
    select
        unit, scope_no, cohort_start, 'all' as dimension, 'all' as segment, true as is_total,
        {{ counts_by_period('day') }}
    from blocks
    group by unit, scope_no, cohort_start
)

{{ cohort_rows('day') }}
