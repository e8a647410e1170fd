-- Active users and accounts per day, week and month. Dense: a key has a row for every period from its first activity
-- to the watermark. Rows depend on activity up to their period's end only, so those that end before the first redone
-- date stay.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'period_end', 'rebuild_layer': 'marts'}
) }}
{% set key = 'unit, dimension, segment, is_total, scope, scope_key' %}
{% set no_days = '[' ~ (['0'] * 31) | join(', ') ~ ']' %}

with months as (
    select *
    from {{ ref('int_usage__active_month') }}
    where {{ rebuild_predicate(dbt.dateadd('month', 1, 'month_start'), 'marts', truncate='month') }}
),

first_dates as (
    -- bit 0 of a month's days is the date 27 days before it
    select {{ key }}, month_start - 27 + cast(bit_count((days & -days) - 1) as integer) as first_date
    from months

    {% if is_incremental() %}

    union all

    -- the keys of the day before; being dense, these are all keys ever active before
    select {{ key }}, period_start as first_date
    from {{ this }}
    where period_grain = 'day' and period_end = {{ rebuild_start('marts') }} - 1

    {% endif %}
),

keys as (
    select
        {{ key }},
        min(first_date) as first_date,
        row_number() over (order by {{ key }}) as key_no
    from first_dates
    group by {{ key }}
),

numbered as (
    select keys.key_no, months.month_start, months.active, months.rolling_7d, months.rolling_28d, months.active_in_month
    from months
    inner join keys using ({{ key }})
),

-- every month of every key, silent ones included
filled as (
    select
        keys.key_no, keys.first_date, calendar.month_start,
        coalesce(numbered.active, {{ no_days }}) as active,
        coalesce(numbered.rolling_7d, {{ no_days }}) as rolling_7d,
        coalesce(numbered.rolling_28d, {{ no_days }}) as rolling_28d,
        coalesce(numbered.active_in_month, 0) as active_in_month
    from keys
    inner join {{ ref('int_usage__calendar') }} as calendar
        on calendar.day_no = 1
            and calendar.month_end >= keys.first_date
    left join numbered on keys.key_no = numbered.key_no and calendar.month_start = numbered.month_start
),

days as (
    select
        key_no, first_date, month_start, active_in_month,
        cast(unnest(generate_series(1, 31)) as integer) as day_no,
        unnest(active) as active,
        unnest(rolling_7d) as rolling_7d,
        unnest(rolling_28d) as rolling_28d
    from filled
),

dated as (
    select
        days.key_no, days.month_start, days.active_in_month, days.active, days.rolling_7d, days.rolling_28d,
        calendar.local_date, calendar.week_start, calendar.month_end, calendar.is_known
    from days
    inner join {{ ref('int_usage__calendar') }} as calendar
        on days.month_start = calendar.month_start and days.day_no = calendar.day_no
    where calendar.local_date >= days.first_date
),

week_sums as (
    select
        key_no, week_start,
        cast(sum(active) as bigint) as daily_active_sum, cast(sum(rolling_28d) as bigint) as rolling_28d_sum
    from dated
    where is_known
    group by key_no, week_start
),

month_sums as (
    select
        key_no, month_start,
        cast(sum(active) as bigint) as daily_active_sum, cast(sum(rolling_28d) as bigint) as rolling_28d_sum
    from dated
    where is_known
    group by key_no, month_start
),

-- a period shows the windows that end on its last day, be that day known or not
periods as (
    select
        'day' as period_grain, local_date as period_start, local_date as period_end, key_no,
        active, rolling_7d, rolling_28d, active as daily_active_sum, rolling_28d as rolling_28d_sum
    from dated
    where is_known

    union all

    select
        'week', week_start, local_date, key_no,
        rolling_7d, rolling_7d, rolling_28d, week_sums.daily_active_sum, week_sums.rolling_28d_sum
    from dated
    inner join week_sums using (key_no, week_start)
    where local_date = week_start + 6

    union all

    select
        'month', month_start, local_date, key_no,
        active_in_month, rolling_7d, rolling_28d, month_sums.daily_active_sum, month_sums.rolling_28d_sum
    from dated
    inner join month_sums using (key_no, month_start)
    where local_date = month_end
)

select
    periods.period_grain,
    periods.period_start,
    periods.period_end,
    {{ key.replace('unit', 'keys.unit') }},
    periods.active,
    periods.rolling_7d,
    periods.rolling_28d,
    periods.daily_active_sum,
    periods.rolling_28d_sum,
    cast(periods.daily_active_sum as double) / nullif(periods.rolling_28d_sum, 0) as stickiness,
    periods.period_end <= watermarks.usage_watermark as is_complete
from periods
inner join keys on periods.key_no = keys.key_no
cross join {{ ref('int_usage__watermarks') }} as watermarks
where {{ rebuild_predicate('periods.period_end', 'marts') }}
