-- One row per account and month with its ARR bridge: opening, each movement, closing; and whether it flashed up.
with movements as (
    select
        month_start,
        account_id,
        {% for movement in ['new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx'] -%}
        sum(case when movement = '{{ movement }}' then arr_delta else 0 end) as {{ movement }}_arr,
        {% endfor -%}
        max(case when movement <> 'fx' then movement end) as movement,
        max(case when movement <> 'fx' then reason end) as reason
    from {{ ref('fct_arr_movement') }}
    where grain = 'account'
    group by month_start, account_id
)

select
    balances.month_start,
    balances.account_id,
    balances.opening_arr,
    coalesce(movements.new_arr, 0) as new_arr,
    coalesce(movements.reactivation_arr, 0) as reactivation_arr,
    coalesce(movements.expansion_arr, 0) as expansion_arr,
    coalesce(movements.contraction_arr, 0) as contraction_arr,
    coalesce(movements.churn_arr, 0) as churn_arr,
    coalesce(movements.fx_arr, 0) as fx_arr,
    balances.closing_arr,
    movements.movement,
    movements.reason,
    false as is_flash_logo
from {{ ref('int_money__account_balances') }} as balances
left join movements
    on balances.month_start = movements.month_start
        and balances.account_id = movements.account_id

union all

select
    month_start,
    account_id,
    0, 0, 0, 0, 0, 0, 0, 0,
    null as movement,
    null as reason,
    true as is_flash_logo
from {{ ref('int_money__flash_logos') }}
