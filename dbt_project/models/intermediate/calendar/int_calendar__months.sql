-- Every month from the first to the last that has money or usage.
with spans as (
    select
        min(month_start) as first_date,
        max(state_date) as last_date
    from {{ ref('int_calendar__money_months') }}

    union all

    -- days after the watermark hold events already, so the last upload hour sets the end
    select
        max(watermarks.first_date) as first_date,
        max(cast({{ to_company_time('hours.upload_hour') }} as date)) as last_date
    from {{ ref('int_usage__watermarks') }} as watermarks
    left join {{ source('amplitude', 'amplitude_hours') }} as hours on true
),

months as (
    select
        cast(
            unnest(
                generate_series({{ dbt.date_trunc('month', 'min(first_date)') }}, max(last_date), interval 1 month)
            ) as date
        ) as month_start
    from spans
)

select
    months.month_start,
    {{ dbt.last_day('months.month_start', 'month') }} as month_end,
    coalesce(money_months.is_complete, false) as is_money_complete
from months
left join {{ ref('int_calendar__money_months') }} as money_months
    on months.month_start = money_months.month_start
