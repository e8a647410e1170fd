-- The months that money is stated for, from the first contract to the finance as-of date, each with the date whose
-- state it shows: its last day, or the as-of date while the month is not over.
with state as (
    select mode, as_of
    from {{ ref('stg_finance__state') }}
),

accounts as (
    select account_id
    from {{ ref('int_company__accounts') }}
),

-- contracts speak until the as-of date; stated months only to the last one stated, or silence would read as churn
spans as (
    select
        min(least(items.effective_from, coalesce(items.signed_date, items.effective_from))) as first_date,
        max(state.as_of) as last_date
    from {{ ref('stg_finance__subscription_items') }} as items
    inner join accounts on items.account_id = accounts.account_id
    inner join state on state.mode = 'full'

    union all

    select
        min(arr_month.month_start) as first_date,
        least(max(state.as_of), {{ dbt.last_day('max(arr_month.month_start)', 'month') }}) as last_date
    from {{ ref('stg_finance__arr_month') }} as arr_month
    inner join accounts on arr_month.account_id = accounts.account_id
    inner join state on state.mode = 'minimum'
),

months as (
    select
        cast(
            unnest(generate_series({{ dbt.date_trunc('month', 'first_date') }}, last_date, interval 1 month)) as date
        ) as month_start,
        last_date
    from spans
    where first_date <= last_date
)

select
    month_start,
    {{ dbt.last_day('month_start', 'month') }} as month_end,
    least({{ dbt.last_day('month_start', 'month') }}, last_date) as state_date,
    month_start - 1 as previous_state_date,
    {{ dbt.last_day('month_start', 'month') }} <= last_date as is_complete
from months
