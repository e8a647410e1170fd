-- Every month of money as a period of its own and as part of its fiscal quarter, and which month end speaks for it.
with months as (
    select
        months.month_start,
        months.is_complete,
        {{ fiscal_quarter_start('months.month_start', 'settings.fiscal_year_starts_in') }} as quarter_start
    from {{ ref('int_calendar__money_months') }} as months
    cross join {{ ref('stg_company__settings') }} as settings
)

select
    'month' as period_type,
    month_start as period_start,
    month_start,
    true as is_last_month,
    is_complete
from months

union all

select
    'quarter' as period_type,
    quarter_start as period_start,
    month_start,
    month_start = max(month_start) over (partition by quarter_start) as is_last_month,
    -- over when its third month is
    bool_or(is_complete and month_start = cast({{ dbt.dateadd('month', 2, 'quarter_start') }} as date)) over (
        partition by quarter_start
    ) as is_complete
from months
