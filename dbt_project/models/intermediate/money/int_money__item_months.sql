-- Items in service at each month end, with their recurring ARR before and after discounts.
with in_service as (
    select
        months.month_start,
        months.state_date,
        months.state_date as valuation_date,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.account_id,
        terms.product_id,
        terms.currency,
        terms.status = 'past_due' as is_past_due,
        coalesce(terms.cancel_requested_at <= months.state_date, false) as is_at_notice,
        terms.gross_annual_e12,
        terms.annual_numerator,
        terms.annual_denominator
    from {{ ref('int_money__item_terms') }} as terms
    inner join {{ ref('int_calendar__money_months') }} as months
        on months.state_date >= terms.effective_from
            and months.state_date < terms.service_to
    where terms.is_counted and terms.gross_annual_e12 <> 0
),

valued as (
    {{ net_of_discounts('in_service') }}
)

select
    month_start,
    state_date,
    valuation_date,
    item_id,
    version_no,
    subscription_id,
    account_id,
    product_id,
    currency,
    is_past_due,
    is_at_notice,
    gross_annual_e12,
    net_annual_e12,
    annual_numerator,
    annual_denominator
from valued
