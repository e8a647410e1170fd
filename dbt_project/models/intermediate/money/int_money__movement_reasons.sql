-- Why an account as a whole left or came back, where no single contract tells: the states of its other items after the
-- fall, the heaviest first, or a pause before the return.
with turned as (
    select
        movements.month_start,
        movements.account_id,
        movements.movement,
        months.state_date,
        months.previous_state_date
    from {{ ref('int_money__account_movements') }} as movements
    inner join {{ ref('int_calendar__money_months') }} as months
        on movements.month_start = months.month_start
    where movements.movement in ('churn', 'reactivation')
),

states as (
    select
        turned.month_start,
        turned.account_id,
        turned.movement,
        terms.status,
        terms.is_counted,
        terms.gross_annual_e12
    from turned
    inner join {{ ref('int_money__item_terms') }} as terms
        on turned.account_id = terms.account_id
            and case when turned.movement = 'churn' then turned.state_date else turned.previous_state_date end
            >= terms.effective_from
            and case when turned.movement = 'churn' then turned.state_date else turned.previous_state_date end
            < terms.service_to
),

reasons as (
    select
        month_start,
        account_id,
        case
            when movement = 'reactivation' then case when bool_or(status = 'paused') then 'resume' end
            when bool_or(status = 'unpaid') then 'involuntary'
            when bool_or(status = 'paused') then 'pause'
            when bool_or(is_counted and gross_annual_e12 = 0) then 'to_free'
        end as reason
    from states
    group by month_start, account_id, movement
)

select month_start, account_id, reason
from reasons
where reason is not null
