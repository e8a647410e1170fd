-- Every date of the months that hold usage, up to the end of the watermark's week and month, with its periods.
{{ config(materialized='view') }}

with span as (
    select
        min(months.month_start) as first_date,
        {{ week_start('watermarks.usage_watermark', 'settings.week_starts_on') }} + 6 as last_week_end,
        watermarks.usage_watermark,
        settings.week_starts_on
    from {{ ref('int_usage__active_month') }} as months
    cross join {{ ref('int_usage__watermarks') }} as watermarks
    cross join {{ ref('stg_company__settings') }} as settings
    group by watermarks.usage_watermark, settings.week_starts_on
),

dates as (
    select
        usage_watermark,
        week_starts_on,
        cast(
            unnest(generate_series(
                first_date,
                {{ dbt.last_day('greatest(usage_watermark, last_week_end)', 'month') }},
                interval 1 day
            )) as date
        ) as local_date
    from span
)

select
    local_date,
    cast({{ dbt.date_trunc('month', 'local_date') }} as date) as month_start,
    cast(extract(day from local_date) as integer) as day_no,
    {{ dbt.last_day('local_date', 'month') }} as month_end,
    {{ week_start('local_date', 'week_starts_on') }} as week_start,
    local_date <= usage_watermark as is_known
from dates
