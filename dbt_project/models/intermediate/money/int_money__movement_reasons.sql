-- Why an account left or came back, where the source tells: what finance gave as end reason of the item that was worth
-- most, else what the items' states say.
with balances as (
    select
        balances.*,
        months.state_date,
        months.previous_state_date,
        {{ dbt.dateadd('month', -1, 'months.month_start') }} as previous_month_start
    from {{ ref('int_money__account_balances') }} as balances
    inner join {{ ref('int_calendar__money_months') }} as months
        on balances.month_start = months.month_start
),

churned as (
    select month_start, account_id, state_date, previous_state_date, previous_month_start
    from balances
    where opening_arr > 0 and closing_arr <= 0
),

returned as (
    select month_start, account_id, previous_state_date
    from balances
    where opening_arr <= 0 and closing_arr > 0
),

-- the reason may be written on the version that ended or on one that followed it within the month
lost_items as (
    select
        churned.month_start,
        churned.account_id,
        coalesce(
            ended.end_reason,
            ending.end_reason,
            case when ended.cancel_requested_at <= churned.state_date then 'voluntary' end,
            case when ended.is_ended_by_grace or ending.is_ended_by_grace then 'involuntary' end
        ) as reason,
        in_service.net_annual_e12,
        in_service.item_id
    from churned
    inner join {{ ref('int_money__item_months') }} as in_service
        on churned.account_id = in_service.account_id
            and churned.previous_month_start = in_service.month_start
    inner join {{ ref('int_money__item_terms') }} as ended
        on in_service.item_id = ended.item_id
            and in_service.version_no = ended.version_no
    left join {{ ref('int_money__item_terms') }} as ending
        on in_service.item_id = ending.item_id
            and ending.effective_from > churned.previous_state_date
            and ending.effective_from <= churned.state_date
            and (ending.end_reason is not null or ending.is_ended_by_grace)
),

end_reasons as (
    select
        month_start,
        account_id,
        arg_min(reason, (-net_annual_e12, item_id, reason)) as reason
    from lost_items
    where reason is not null
    group by month_start, account_id
),

-- states in force after the fall, the heaviest first
after_states as (
    select
        churned.month_start,
        churned.account_id,
        bool_or(terms.status = 'unpaid') as has_unpaid,
        bool_or(terms.status = 'paused') as has_paused,
        bool_or(terms.is_counted) as has_free
    from churned
    inner join {{ ref('int_money__item_terms') }} as terms
        on churned.account_id = terms.account_id
            and churned.state_date >= terms.effective_from
            and churned.state_date < terms.service_to
    group by churned.month_start, churned.account_id
),

resumed as (
    select distinct
        returned.month_start,
        returned.account_id
    from returned
    inner join {{ ref('int_money__item_terms') }} as terms
        on returned.account_id = terms.account_id
            and returned.previous_state_date >= terms.effective_from
            and returned.previous_state_date < terms.service_to
    where terms.status = 'paused'
)

select
    churned.month_start,
    churned.account_id,
    coalesce(
        end_reasons.reason,
        case
            when after_states.has_unpaid then 'involuntary'
            when after_states.has_paused then 'pause'
            when after_states.has_free then 'to_free'
        end
    ) as reason
from churned
left join end_reasons
    on churned.month_start = end_reasons.month_start
        and churned.account_id = end_reasons.account_id
left join after_states
    on churned.month_start = after_states.month_start
        and churned.account_id = after_states.account_id

union all

select
    month_start,
    account_id,
    'resume' as reason
from resumed
