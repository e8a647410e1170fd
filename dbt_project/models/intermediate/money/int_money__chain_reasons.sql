-- Why a contract left the month ends, or came into them, where the source tells: what finance gave as end reason, a
-- requested cancellation, a grace that ran out, else the state that the contract was in at the other month end. Where
-- one product took over from another, the contracts of both were a change of plan.
with turned as (
    select
        chains.month_start,
        chains.account_id,
        chains.chain_id,
        chains.has_closing as is_start,
        chains.product_id,
        months.state_date,
        months.previous_state_date
    from {{ ref('int_money__chain_changes') }} as chains
    inner join {{ ref('int_calendar__money_months') }} as months
        on chains.month_start = months.month_start
    where chains.has_opening <> chains.has_closing
),

succeeded as (
    select
        ended.month_start,
        ended.account_id,
        ended.chain_id as ended_chain_id,
        started.chain_id as started_chain_id
    from turned as ended
    inner join {{ ref('stg_finance__product_succession') }} as succession
        on ended.product_id = succession.from_product_id
            and succession.effective_date <= ended.state_date
    inner join turned as started
        on ended.month_start = started.month_start
            and ended.account_id = started.account_id
            and succession.to_product_id = started.product_id
    where started.is_start and not ended.is_start
),

terms as (
    select
        turned.month_start,
        turned.account_id,
        turned.chain_id,
        turned.is_start,
        turned.state_date,
        terms.item_id,
        terms.version_no,
        terms.status,
        terms.is_counted,
        terms.end_reason,
        terms.is_ended_by_grace,
        terms.cancel_requested_at,
        terms.effective_from <= turned.previous_state_date
            and terms.service_to > turned.previous_state_date as is_in_force_before,
        -- the reason may be written on the version that ended or on one that followed it within the month
        terms.effective_from > turned.previous_state_date
            and terms.effective_from <= turned.state_date as is_following,
        terms.effective_from <= turned.state_date and terms.service_to > turned.state_date as is_in_force_after
    from turned
    inner join {{ ref('int_money__item_chains') }} as chains
        on turned.chain_id = chains.chain_id
    inner join {{ ref('int_money__item_terms') }} as terms
        on chains.item_id = terms.item_id
            and turned.account_id = terms.account_id
),

ranked as (
    select
        *,
        case
            when is_start then case when is_in_force_before and status = 'paused' then 1 end
            when is_in_force_before and is_counted and end_reason is not null then 1
            when is_following and end_reason is not null then 2
            when is_in_force_before and is_counted and cancel_requested_at <= state_date then 3
            when (is_in_force_before and is_counted or is_following) and is_ended_by_grace then 4
            when is_in_force_after and status = 'unpaid' then 5
            when is_in_force_after and status = 'paused' then 6
            when is_in_force_after and is_counted then 7
        end as priority
    from terms
),

reasons as (
    select
        month_start,
        account_id,
        chain_id,
        case
            when is_start then 'resume'
            when priority <= 2 then end_reason
            when priority = 3 then 'voluntary'
            when priority <= 5 then 'involuntary'
            when priority = 6 then 'pause'
            else 'to_free'
        end as reason,
        priority,
        item_id,
        version_no
    from ranked
    where priority is not null

    union all

    select month_start, account_id, ended_chain_id, 'plan', 0, '', 0
    from succeeded

    union all

    select month_start, account_id, started_chain_id, 'plan', 0, '', 0
    from succeeded
)

select
    month_start,
    account_id,
    chain_id,
    arg_min(reason, (priority, item_id, version_no)) as reason
from reasons
group by month_start, account_id, chain_id
