-- ARR of each account at both ends of each month, and the part of the difference that exchange rates alone made: the
-- sum of its product lines.
select
    month_start,
    account_id,
    cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
    cast(sum(closing_arr) as decimal(18, 2)) as closing_arr,
    cast(sum(fx_arr) as decimal(18, 2)) as fx_arr
from {{ ref('int_money__line_balances') }}
group by month_start, account_id
having sum(opening_arr) <> 0 or sum(closing_arr) <> 0 or sum(fx_arr) <> 0
