-- ARR of each account and product line at both ends of each month, and the part of the difference that exchange rates
-- alone made: last month's local ARR at this month's rate against last month's, row by row, so that an unchanged contract
-- moves by fx alone, to the cent. Every other balance and every bridge sums these rows.
with months as (
    select
        month_start,
        {{ month_number('month_start') }} as month_number
    from {{ ref('int_calendar__money_months') }}
),

positions as (
    select month_number, account_number, line_number, 0 as opening_arr, arr as closing_arr, 0 as fx_arr
    from {{ ref('int_money__rated_line_months') }}

    union all

    select month_number + 1, account_number, line_number, arr, 0, fx_arr
    from {{ ref('int_money__rated_line_months') }}
),

balances as (
    select
        month_number,
        account_number,
        line_number,
        cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
        cast(sum(closing_arr) as decimal(18, 2)) as closing_arr,
        cast(sum(fx_arr) as decimal(18, 2)) as fx_arr
    from positions
    group by month_number, account_number, line_number
    having sum(opening_arr) <> 0 or sum(closing_arr) <> 0 or sum(fx_arr) <> 0
)

select
    months.month_start,
    lines.account_id,
    lines.product_line,
    balances.opening_arr,
    balances.closing_arr,
    balances.fx_arr
from balances
-- after the last month there is no month to open
inner join months
    on balances.month_number = months.month_number
inner join {{ ref('int_money__account_lines') }} as lines
    on balances.account_number = lines.account_number
        and balances.line_number = lines.line_number
