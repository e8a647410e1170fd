-- Items in service at each month end, with their recurring ARR before and after discounts.
{{ config(materialized='view') }}

select
    months.month_start,
    months.state_date,
    terms.item_id,
    terms.version_no,
    terms.subscription_id,
    terms.account_id,
    terms.product_id,
    terms.currency,
    terms.status = 'past_due' as is_past_due,
    coalesce(terms.cancel_requested_at <= months.state_date, false) as is_at_notice,
    terms.gross_annual_e12,
    versions.net_annual_e12
from {{ ref('int_money__version_months') }} as versions
inner join {{ ref('int_money__item_terms') }} as terms
    on versions.version_key = terms.version_key
inner join {{ ref('int_calendar__money_months') }} as months
    on versions.month_start = months.month_start
