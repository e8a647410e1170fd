-- Accounts that paid nothing at either end of a month but something on a day between: won and lost within it. Months
-- stated by finance itself (minimum mode) have no days, hence no flash logos.
with discounted as (
    select item_id as item_id, cast(null as varchar) as subscription_id
    from {{ ref('stg_finance__discounts') }}
    where item_id is not null
    union
    select cast(null as varchar) as item_id, subscription_id
    from {{ ref('stg_finance__discounts') }}
    where item_id is null
),

-- terms that begin or end inside the month, or that a discount may make free at its ends
candidates as (
    select distinct
        months.month_start,
        months.state_date,
        months.previous_state_date,
        terms.account_id
    from {{ ref('int_money__item_terms') }} as terms
    inner join {{ ref('int_calendar__money_months') }} as months
        on terms.effective_from < months.state_date
            and terms.service_to > months.month_start
    where terms.is_counted
        and terms.gross_annual_e12 > 0
        and terms.effective_from < terms.service_to
        and (
            terms.effective_from > months.previous_state_date
            or terms.service_to <= months.state_date
            or terms.item_id in (select item_id from discounted where item_id is not null)
            or terms.subscription_id in (select subscription_id from discounted where subscription_id is not null)
        )
),

paying as (
    select
        month_start,
        account_id
    from {{ ref('int_money__line_months') }}
    group by month_start, account_id
    having sum(arr_e12) > 0
),

without_month_ends as (
    select candidates.*
    from candidates
    left join paying as closing
        on candidates.account_id = closing.account_id
            and candidates.month_start = closing.month_start
    left join paying as opening
        on candidates.account_id = opening.account_id
            and opening.month_start = {{ dbt.dateadd('month', -1, 'candidates.month_start') }}
    where closing.account_id is null and opening.account_id is null
),

-- every item in service on every day between, valued like at a month end
item_days as (
    select
        days.month_start,
        days.account_id,
        days.in_service_on as state_date,
        days.in_service_on as valuation_date,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.currency,
        terms.gross_annual_e12,
        terms.annual_numerator,
        terms.annual_denominator
    from (
        select
            month_start,
            account_id,
            cast(
                unnest(generate_series(month_start, state_date - interval 1 day, interval 1 day)) as date
            ) as in_service_on
        from without_month_ends
    ) as days
    inner join {{ ref('int_money__item_terms') }} as terms
        on days.account_id = terms.account_id
            and days.in_service_on >= terms.effective_from
            and days.in_service_on < terms.service_to
    where terms.is_counted and terms.gross_annual_e12 <> 0
),

valued as (
    {{ net_of_discounts('item_days') }}
),

paid_days as (
    select
        month_start,
        account_id,
        state_date
    from valued
    group by month_start, account_id, state_date
    having sum(net_annual_e12) > 0
)

select distinct
    month_start,
    account_id
from paid_days
