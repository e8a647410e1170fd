-- What moved ARR between two month ends, at account grain: one movement and, apart from it, the exchange rates.
with balances as (
    select
        balances.month_start,
        balances.account_id,
        balances.opening_arr,
        balances.closing_arr,
        balances.fx_arr,
        balances.closing_arr - balances.opening_arr - balances.fx_arr as movement_arr,
        months.state_date,
        last_value(case when balances.closing_arr > 0 then months.state_date end ignore nulls) over (
            partition by balances.account_id
            order by balances.month_start
            rows between unbounded preceding and 1 preceding
        ) as last_paid_on
    from {{ ref('int_money__account_balances') }} as balances
    inner join {{ ref('int_calendar__money_months') }} as months
        on balances.month_start = months.month_start
),

classified as (
    select
        balances.*,
        case
            when balances.opening_arr <= 0 and balances.closing_arr > 0 then
                case
                    when balances.last_paid_on is null
                        or balances.state_date - balances.last_paid_on > settings.reactivation_new_after_days
                        then 'new'
                    else 'reactivation'
                end
            when balances.opening_arr > 0 and balances.closing_arr <= 0 then 'churn'
            when balances.movement_arr > 0 then 'expansion'
            else 'contraction'
        end as movement
    from balances
    cross join {{ ref('stg_company__settings') }} as settings
),

movements as (
    select
        classified.month_start,
        classified.account_id,
        classified.movement,
        classified.movement_arr as arr_delta,
        case when classified.movement in ('churn', 'reactivation') then reasons.reason end as reason
    from classified
    left join {{ ref('int_money__movement_reasons') }} as reasons
        on classified.month_start = reasons.month_start
            and classified.account_id = reasons.account_id

    union all

    select
        month_start,
        account_id,
        'fx' as movement,
        fx_arr as arr_delta,
        null as reason
    from classified
)

select
    month_start,
    'account' as grain,
    account_id,
    cast(null as varchar) as product_line,
    movement,
    cast(arr_delta as decimal(18, 2)) as arr_delta,
    cast(reason as varchar) as reason
from movements
where arr_delta <> 0
