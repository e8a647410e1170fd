-- Accounts' ARR of closed months, then and now, where anything differs; and how much of the difference the exchange
-- rate alone made: what was local money then, at today's rate. An unchanged contract moves by the rate alone.
with closed as (
    select
        month_start,
        close_number,
        reporting_currency,
        source_hash,
        policy_hash,
        definition_hash
    from {{ ref('stg_closes__records') }}
    where is_in_force
),

reported as (
    select
        reported.month_start,
        reported.account_id,
        reported.product_line,
        reported.currency,
        reported.arr_local,
        reported.arr,
        reported.fx_rate
    from {{ ref('stg_closes__arr_month') }} as reported
    inner join closed
        on reported.month_start = closed.month_start
            and reported.close_number = closed.close_number
),

today as (
    select
        fct.month_start,
        fct.account_id,
        fct.product_line,
        fct.currency,
        fct.arr_local,
        fct.arr,
        fct.fx_rate
    from {{ ref('fct_arr_month') }} as fct
    inner join closed
        on fct.month_start = closed.month_start
),

differing as (
    select
        coalesce(reported.month_start, today.month_start) as month_start,
        coalesce(reported.account_id, today.account_id) as account_id,
        coalesce(reported.product_line, today.product_line) as product_line,
        coalesce(reported.currency, today.currency) as currency,
        coalesce(reported.arr_local, 0) as local_reported,
        coalesce(today.arr_local, 0) as local_restated,
        coalesce(reported.arr, 0) as as_reported,
        coalesce(today.arr, 0) as restated,
        reported.fx_rate as rate_reported,
        today.fx_rate as rate_restated
    from reported
    full join today
        on reported.month_start = today.month_start
            and reported.account_id = today.account_id
            and reported.product_line = today.product_line
            and reported.currency = today.currency
    where coalesce(reported.arr, 0) <> coalesce(today.arr, 0)
        or coalesce(reported.arr_local, 0) <> coalesce(today.arr_local, 0)
),

-- a row that is gone has no rate of its own any more: the month's rate of its currency
rated as (
    select
        differing.*,
        closed.close_number,
        coalesce(differing.rate_restated, rates.fx_rate, differing.rate_reported) as rate_today,
        closed.reporting_currency = basis.reporting_currency as is_same_currency,
        closed.source_hash <> basis.source_hash as is_other_source,
        closed.policy_hash <> basis.policy_hash as is_other_policy,
        closed.definition_hash <> basis.definition_hash as is_other_definition
    from differing
    inner join closed
        on differing.month_start = closed.month_start
    cross join {{ ref('money_basis') }} as basis
    left join {{ ref('int_money__fx_months') }} as rates
        on differing.month_start = rates.month_start
            and differing.currency = rates.currency
)

select
    month_start,
    close_number,
    account_id,
    product_line,
    currency,
    as_reported,
    restated,
    cast(
        case
            when not is_same_currency or rate_reported is null or rate_reported = rate_today then 0
            when local_reported = local_restated then restated - as_reported
            else round(local_reported * rate_today, 2) - as_reported
        end as decimal(18, 2)
    ) as fx_delta,
    case
        when not is_same_currency then 'policy'
        when local_reported <> local_restated and is_other_source then 'source'
        when is_other_policy then 'policy'
        when is_other_source and not is_other_definition then 'source'
        else 'definition'
    end as other_cause
from rated
