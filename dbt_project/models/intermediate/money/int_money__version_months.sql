-- Item versions in service at each month end, with their recurring ARR after discounts. The rest of what is known of
-- them is in int_money__item_months: a row for each month that stands here is written without it.
with in_service as (
    select
        months.month_start,
        months.state_date,
        months.state_date as valuation_date,
        terms.version_key,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.currency,
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
    version_key,
    net_annual_e12
from valued
