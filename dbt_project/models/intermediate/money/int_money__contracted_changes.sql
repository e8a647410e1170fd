-- What separates contracted from live ARR at each month end: plus items signed but not yet live, minus the items they
-- replace, minus items under notice. An item that is both replaced and under notice leaves once.
with lives as (
    select
        item_id,
        min(effective_from) filter (where is_counted and effective_from < service_to) as live_from
    from {{ ref('int_money__item_terms') }}
    group by item_id
),

-- the first terms of an item that has never served; a later change of terms of a live item is no new contract
signed as (
    select
        months.month_start,
        months.state_date,
        greatest(terms.effective_from, months.state_date) as valuation_date,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.account_id,
        terms.product_id,
        terms.currency,
        terms.replaces_item_id,
        terms.gross_annual_e12,
        terms.annual_numerator,
        terms.annual_denominator
    from {{ ref('int_money__item_terms') }} as terms
    inner join lives
        on terms.item_id = lives.item_id
    inner join {{ ref('int_calendar__money_months') }} as months
        on months.state_date < terms.service_to
            and months.state_date < coalesce(lives.live_from, date '9999-12-31')
            and (months.state_date < terms.effective_from or terms.status = 'future')
    where terms.status in ('active', 'past_due', 'future')
        and months.state_date >= case
            when terms.status = 'future' then coalesce(terms.signed_date, terms.effective_from)
            else terms.signed_date
        end
        and (terms.effective_from < terms.service_to or terms.vanished_on is not null)
        and not coalesce(terms.cancel_requested_at <= months.state_date, false)
    qualify row_number() over (
        partition by months.month_start, terms.item_id
        order by terms.effective_from, terms.version_no
    ) = 1
),

-- live items of the same subscription take their share of its amount discounts
subscriptions as (
    select
        month_start, state_date, valuation_date, item_id, version_no, subscription_id, currency,
        gross_annual_e12, annual_numerator, annual_denominator
    from signed

    union all

    select
        live.month_start, live.state_date, live.state_date as valuation_date, live.item_id, live.version_no,
        live.subscription_id, live.currency, live.gross_annual_e12, terms.annual_numerator, terms.annual_denominator
    from {{ ref('int_money__item_months') }} as live
    inner join {{ ref('int_money__item_terms') }} as terms
        on live.item_id = terms.item_id
            and live.version_no = terms.version_no
    inner join (select distinct subscription_id, month_start from signed) as signed_subscriptions
        on live.subscription_id = signed_subscriptions.subscription_id
            and live.month_start = signed_subscriptions.month_start
),

valued as (
    {{ net_of_discounts('subscriptions') }}
),

leaving as (
    select
        live.month_start, live.account_id, live.product_id, live.currency,
        -live.net_annual_e12 as carr_change_e12
    from {{ ref('int_money__item_months') }} as live
    left join (select distinct month_start, replaces_item_id from signed) as replaced
        on live.item_id = replaced.replaces_item_id
            and live.month_start = replaced.month_start
    where live.is_at_notice or replaced.replaces_item_id is not null
)

select
    signed.month_start, signed.account_id, signed.product_id, signed.currency,
    valued.net_annual_e12 as carr_change_e12
from signed
inner join valued
    on signed.item_id = valued.item_id
        and signed.version_no = valued.version_no
        and signed.state_date = valued.state_date

union all

select month_start, account_id, product_id, currency, carr_change_e12
from leaving
