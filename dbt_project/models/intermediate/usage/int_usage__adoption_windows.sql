-- The 28 days to the date whose state a month shows, as bits of the month of that date and of the month before: what to
-- hold against int_usage__user_month. Two rows per month.
with months as (
    select
        month_start,
        state_date,
        cast({{ dbt.dateadd('month', -1, 'month_start') }} as date) as previous_month_start
    from {{ ref('int_usage__adoption_months') }}
)

select
    month_start,
    month_start as bits_month_start,
    ((cast(1 as bigint) << cast(state_date - month_start + 1 as bigint)) - 1)
    & ~((cast(1 as bigint) << cast(greatest(state_date - 27 - month_start, 0) as bigint)) - 1) as bits
from months

union all

select
    month_start,
    previous_month_start as bits_month_start,
    cast(2147483647 as bigint)
    & ~((cast(1 as bigint) << cast(least(state_date - 27 - previous_month_start, 31) as bigint)) - 1) as bits
from months
