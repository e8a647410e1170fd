-- ARR of each account at both ends of each month, and the part of the difference that exchange rates alone made.
with line_balances as (
    select
        fct.month_start,
        fct.account_id,
        fct.product_line,
        fct.currency,
        fct.arr,
        line_months.arr_e12
    from {{ ref('fct_arr_month') }} as fct
    inner join {{ ref('int_money__line_months') }} as line_months
        on fct.month_start = line_months.month_start
            and fct.account_id = line_months.account_id
            and fct.product_line = line_months.product_line
            and fct.currency = line_months.currency
),

-- last month's unrounded local ARR at this month's rate, row by row: so an unchanged contract moves by fx alone, to
-- the cent. Without a rate its money is held back and there is nothing to tell apart.
openings as (
    select
        months.month_start,
        line_balances.account_id,
        line_balances.arr as opening_arr,
        0 as closing_arr,
        coalesce({{ e12_to_money('line_balances.arr_e12', 'rates.fx_rate') }} - line_balances.arr, 0) as fx_arr
    from line_balances
    inner join {{ ref('int_calendar__money_months') }} as months
        on line_balances.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
    inner join {{ ref('int_money__fx_months') }} as rates
        on months.month_start = rates.month_start
            and line_balances.currency = rates.currency
),

positions as (
    select month_start, account_id, opening_arr, closing_arr, fx_arr
    from openings

    union all

    select month_start, account_id, 0 as opening_arr, arr as closing_arr, 0 as fx_arr
    from {{ ref('fct_arr_month') }}
)

select
    month_start,
    account_id,
    cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
    cast(sum(closing_arr) as decimal(18, 2)) as closing_arr,
    cast(sum(fx_arr) as decimal(18, 2)) as fx_arr
from positions
group by month_start, account_id
having sum(opening_arr) <> 0 or sum(closing_arr) <> 0
