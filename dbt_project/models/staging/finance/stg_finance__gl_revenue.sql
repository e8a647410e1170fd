select
    cast({{ dbt.date_trunc('month', 'period_month') }} as date) as month_start,
    gl_account,
    revenue_class,
    product_line,
    segment,
    amount,
    currency
from {{ source('finance', 'gl_revenue') }}
