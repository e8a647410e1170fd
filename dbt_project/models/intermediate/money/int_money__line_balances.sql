-- ARR of each account and product line at both ends of each month, and the part of the difference that exchange rates
-- alone made. Every other balance and every bridge sums these rows.
with closings as (
    select
        fct.month_start,
        fct.account_id,
        fct.product_line,
        fct.arr
    from {{ ref('fct_arr_month') }} as fct
    where fct.arr <> 0
),

-- last month's unrounded local ARR at this month's rate against last month's, row by row: so an unchanged contract
-- moves by fx alone, to the cent. Without a rate the money is held back and there is nothing to tell apart.
revalued as (
    select
        months.month_start,
        line_months.account_id,
        line_months.product_line,
        {{ e12_to_money('line_months.arr_e12', 'rates.fx_rate') }}
        - {{ e12_to_money('line_months.arr_e12', 'former.fx_rate') }} as fx_arr
    from {{ ref('int_money__line_months') }} as line_months
    inner join {{ ref('int_calendar__money_months') }} as months
        on line_months.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
    inner join {{ ref('int_money__fx_months') }} as former
        on line_months.month_start = former.month_start
            and line_months.currency = former.currency
    inner join {{ ref('int_money__fx_months') }} as rates
        on months.month_start = rates.month_start
            and line_months.currency = rates.currency
    where rates.fx_rate <> former.fx_rate
),

positions as (
    select month_start, account_id, product_line, 0 as opening_arr, arr as closing_arr, 0 as fx_arr
    from closings

    union all

    select months.month_start, closings.account_id, closings.product_line, closings.arr, 0, 0
    from closings
    inner join {{ ref('int_calendar__money_months') }} as months
        on closings.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}

    union all

    select month_start, account_id, product_line, 0, 0, fx_arr
    from revalued
)

select
    month_start,
    account_id,
    product_line,
    cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
    cast(sum(closing_arr) as decimal(18, 2)) as closing_arr,
    cast(sum(fx_arr) as decimal(18, 2)) as fx_arr
from positions
group by month_start, account_id, product_line
having sum(opening_arr) <> 0 or sum(closing_arr) <> 0 or sum(fx_arr) <> 0
