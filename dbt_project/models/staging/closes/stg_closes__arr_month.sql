-- Rows of fct_arr_month as they were closed, of every close.
select
    month_start,
    close_number,
    account_id,
    product_line,
    currency,
    arr_local,
    gross_arr_local,
    arr,
    gross_arr,
    arr_constant,
    arr_past_due,
    arr_at_notice,
    carr,
    usage_run_rate,
    fx_rate
from {{ source('closes', 'closed_arr_month') }}
