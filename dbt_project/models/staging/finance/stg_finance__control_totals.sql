select
    cast({{ dbt.date_trunc('month', 'month') }} as date) as month_start,
    metric,
    value as reported_value,
    product_line,
    segment
from {{ source('finance', 'control_totals') }}
