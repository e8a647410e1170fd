-- What happened to each account whose ARR moved between two month ends, exchange rates apart.
with turns as (
    select
        month_start,
        account_id,
        closing_arr > 0 as is_start
    from {{ ref('int_money__account_balances') }}
    where (opening_arr > 0) <> (closing_arr > 0)
),

-- starts and ends take turns: before a start comes the end after the last paid month end, or nothing
starts as (
    select
        month_start,
        account_id,
        previous_turn - 1 as last_paid_on
    from (
        select
            *,
            lag(month_start) over (partition by account_id order by month_start) as previous_turn
        from turns
    ) as ordered
    where is_start
)

select
    balances.month_start,
    balances.account_id,
    cast(balances.closing_arr - balances.opening_arr - balances.fx_arr as decimal(18, 2)) as movement_arr,
    case
        when starts.account_id is not null then
            case
                when starts.last_paid_on is null
                    or months.state_date - starts.last_paid_on > settings.reactivation_new_after_days
                    then 'new'
                else 'reactivation'
            end
        when balances.opening_arr > 0 and balances.closing_arr <= 0 then 'churn'
        when balances.closing_arr - balances.opening_arr > balances.fx_arr then 'expansion'
        else 'contraction'
    end as movement
from {{ ref('int_money__account_balances') }} as balances
inner join {{ ref('int_calendar__money_months') }} as months
    on balances.month_start = months.month_start
cross join {{ ref('stg_company__settings') }} as settings
left join starts
    on balances.month_start = starts.month_start
        and balances.account_id = starts.account_id
where balances.closing_arr - balances.opening_arr <> balances.fx_arr
