-- The company's calendar, currency and policies. One row.
select
    name as company_name,
    time_zone,
    week_starts_on,
    fiscal_year_starts_in,
    reporting_currency,
    discounts as discount_policy,
    churn_at as churn_policy,
    delinquency_grace_days,
    reactivation_new_after_days,
    close_day,
    adoption_established_days,
    adoption_window_days,
    tie_out_tolerance_company,
    tie_out_tolerance_product_line
from {{ source('company', 'company') }}
