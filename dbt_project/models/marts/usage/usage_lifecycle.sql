-- Where the active units of a period come from, and who stopped: classes inside each key. Whoever is active in two
-- periods running is returning, which int_usage__active_month counts; the first use ever is counted by date; the rest
-- follows from the counts of the period before. Rows depend on activity up to their period's end only.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'period_end', 'rebuild_layer': 'marts'}
) }}
{% set key = 'unit, dimension, segment, is_total, scope, scope_key' %}
-- the period before the first redone one ends at most 31 days before the first redone date
{% set since = rebuild_start('marts') if is_incremental() else "date '1900-02-01'" %}

with periods as (
    select
        period_grain, period_start, period_end, {{ key }}, active, is_complete,
        cast({{ dbt.date_trunc('month', 'period_end') }} as date) as month_start,
        lag(active, 1, 0) over (partition by period_grain, {{ key }} order by period_start) as active_before
    from {{ ref('active_usage') }}
    where period_end >= {{ since }} - 31
        and (period_grain <> 'day' or is_total)
),

months as (
    select month_start, {{ key }}, returning_on_day, returning_in_week, returning_in_month
    from {{ ref('int_usage__active_month') }}
    where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
),

first_uses as (
    select first_date, {{ key }}, new
    from {{ ref('int_usage__lifecycle_new') }}
    where first_date >= {{ since }} - 31
),

newcomers as (
    select 'day' as period_grain, first_date as period_start, {{ key }}, new
    from first_uses
    where is_total

    union all

    select 'week', calendar.week_start, {{ key }}, cast(sum(first_uses.new) as bigint)
    from first_uses
    inner join {{ ref('int_usage__calendar') }} as calendar on first_uses.first_date = calendar.local_date
    group by calendar.week_start, {{ key }}

    union all

    select 'month', cast({{ dbt.date_trunc('month', 'first_date') }} as date), {{ key }}, cast(sum(new) as bigint)
    from first_uses
    group by cast({{ dbt.date_trunc('month', 'first_date') }} as date), {{ key }}
),

counted as (
    select
        period_grain, period_start, period_end, {{ key }}, active, active_before, is_complete,
        coalesce(new, 0) as new,
        coalesce(
            case period_grain
                when 'day' then returning_on_day[extract(day from period_end)]
                when 'week' then returning_in_week[(extract(day from period_end) - 1) // 7 + 1]
                else returning_in_month
            end,
            0
        ) as stayed
    from periods
    left join months using (month_start, {{ key }})
    left join newcomers using (period_grain, period_start, {{ key }})
    where {{ rebuild_predicate('period_end', 'marts') }}
)

select
    period_grain, period_start, period_end,
    {{ key }},
    active,
    new,
    stayed as "returning",
    active - new - stayed as resurrected,
    active_before - stayed as dormant,
    is_complete
from counted
