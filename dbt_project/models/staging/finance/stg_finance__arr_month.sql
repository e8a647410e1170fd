select
    cast({{ dbt.date_trunc('month', 'month') }} as date) as month_start,
    account_id,
    product_line,
    currency,
    arr as arr_local
from {{ source('finance', 'arr_month') }}
