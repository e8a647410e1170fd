-- What each item's contract is worth in each complete month: MRR × days in service / days of the month. A version is
-- valued after discounts on its last day of service in the month: at month end, or where it ended before that. unit_no
-- is what invoices are compared with; null without invoices.
with versions as (
    select
        terms.version_key,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.product_id,
        terms.currency,
        terms.effective_from,
        terms.service_to,
        terms.service_to - 1 as last_day,
        terms.gross_annual_e12,
        terms.annual_numerator,
        terms.annual_denominator,
        units.unit_no
    from {{ ref('int_money__item_terms') }} as terms
    left join {{ ref('int_money__billing_units') }} as units
        on terms.item_id = units.item_id
    where terms.is_counted
        and terms.gross_annual_e12 <> 0
        and terms.effective_from < terms.service_to
),

months as (
    select
        month_start,
        month_end,
        extract(day from month_end) as month_days
    from {{ ref('int_calendar__money_months') }}
    where is_complete
),

ended as (
    select
        versions.*,
        months.month_start,
        months.month_days
    from versions
    inner join months
        on months.month_start = cast({{ dbt.date_trunc('month', 'versions.last_day') }} as date)
    where versions.last_day < months.month_end
),

-- an amount off a subscription is shared among the items that it has on that day
ending_subscriptions as (
    select distinct
        subscription_id,
        last_day as state_date
    from ended
),

on_last_days as (
    select
        ending.state_date,
        ending.state_date as valuation_date,
        versions.item_id,
        versions.version_no,
        versions.subscription_id,
        versions.currency,
        versions.gross_annual_e12,
        versions.annual_numerator,
        versions.annual_denominator
    from versions
    inner join ending_subscriptions as ending
        on versions.subscription_id = ending.subscription_id
            and ending.state_date >= versions.effective_from
            and ending.state_date < versions.service_to
),

valued as (
    {{ net_of_discounts('on_last_days') }}
),

served as (
    select
        months.month_start,
        months.month_days,
        versions.product_id,
        versions.currency,
        at_month_end.net_annual_e12,
        versions.unit_no,
        versions.effective_from,
        months.month_end as last_day
    from {{ ref('int_money__version_months') }} as at_month_end
    inner join months
        on at_month_end.month_start = months.month_start
    inner join versions
        on at_month_end.version_key = versions.version_key

    union all

    select
        ended.month_start,
        ended.month_days,
        ended.product_id,
        ended.currency,
        valued.net_annual_e12,
        ended.unit_no,
        ended.effective_from,
        ended.last_day
    from ended
    inner join valued
        on ended.item_id = valued.item_id
            and ended.version_no = valued.version_no
            and ended.last_day = valued.state_date
)

select
    month_start,
    product_id,
    currency,
    unit_no,
    {{ part_e12(
        'net_annual_e12',
        'last_day - greatest(effective_from, month_start) + 1',
        '12 * month_days'
    ) }} as earned_e12
from served
where net_annual_e12 <> 0
