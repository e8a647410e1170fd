-- What happened to each product line of an account whose ARR moved between two month ends, exchange rates and
-- migrations apart. The account's own class decides logo against line.
with moved as (
    select
        balances.month_start,
        balances.account_id,
        balances.product_line,
        cast(balances.closing_arr - balances.opening_arr - balances.fx_arr as decimal(18, 2)) as movement_arr,
        balances.opening_arr <= 0 and balances.closing_arr > 0 as is_start,
        balances.opening_arr > 0 and balances.closing_arr <= 0 as is_end
    from {{ ref('int_money__line_balances') }} as balances
    where balances.closing_arr - balances.opening_arr <> balances.fx_arr
),

first_starts as (
    select
        account_id,
        product_line,
        min(month_start) as month_start
    from moved
    where is_start
    group by account_id, product_line
)

select
    moved.month_start,
    moved.account_id,
    moved.product_line,
    moved.movement_arr,
    case
        when accounts.movement = 'new' then 'new_logo'
        when accounts.movement = 'reactivation' then 'reactivation'
        when accounts.movement = 'churn' then 'logo_churn'
        when moved.is_start and first_starts.month_start = moved.month_start then 'cross_sell'
        when moved.is_start then 'product_winback'
        when moved.is_end then 'product_churn'
        when moved.movement_arr > 0 then 'upsell'
        else 'downsell'
    end as movement
from moved
left join {{ ref('int_money__account_movements') }} as accounts
    on moved.month_start = accounts.month_start
        and moved.account_id = accounts.account_id
left join first_starts
    on moved.account_id = first_starts.account_id
        and moved.product_line = first_starts.product_line
