-- Who came back: units that used a scope in one period and again so many periods later. Cells are dated by the end of
-- their own period and depend on nothing after it, so those that end before the first redone date stay.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'period_end', 'rebuild_layer': 'marts'}
) }}

with cohorts as (
    {% for grain in ('day', 'week', 'month') -%}
    select '{{ grain }}' as period_grain, *
    from {{ ref('int_usage__cohort_' ~ grain) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

modes as (
    {% for mode in ('first_time', 'recurring') -%}
    select * exclude (first_time, recurring), '{{ mode }}' as mode, {{ mode }} as counts
    from cohorts
    where {{ rebuild_predicate('followed_until', 'marts') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

cells as (
    select
        * exclude (counts),
        counts[1] as cohort_size,
        unnest(counts) as retained,
        unnest(range(len(counts))) as period_number
    from modes
    where counts[1] > 0
),

dated as (
    select
        *,
        case period_grain
            when 'day' then cohort_start + cast(period_number as integer)
            when 'week' then cohort_start + cast(period_number * 7 as integer)
            else cast({{ dbt.dateadd('month', 'period_number', 'cohort_start') }} as date)
        end as period_start
    from cells
    -- totals have every week and month, zeros too; a day, or a segment, without a return has no row
    where retained > 0
        or (is_total and period_grain <> 'day')
),

ended as (
    select
        *,
        case period_grain
            when 'day' then period_start
            when 'week' then period_start + 6
            else {{ dbt.last_day('period_start', 'month') }}
        end as period_end
    from dated
)

select
    ended.period_grain,
    ended.cohort_start,
    ended.unit,
    ended.mode,
    ended.dimension,
    ended.segment,
    ended.is_total,
    ended.scope,
    ended.scope_key,
    cast(ended.period_number as integer) as period_number,
    ended.period_end,
    ended.cohort_size,
    ended.retained,
    cast(ended.retained as double) / ended.cohort_size as retention,
    ended.period_end <= watermarks.usage_watermark as is_complete
from ended
inner join {{ ref('int_usage__watermarks') }} as watermarks on ended.period_start <= watermarks.usage_watermark
where {{ rebuild_predicate('ended.period_end', 'marts') }}
