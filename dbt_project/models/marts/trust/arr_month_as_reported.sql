-- ARR at month end as it was closed: the rows of every close, also of one that was reopened later. Nothing in it moves.
select
    reported.month_start,
    reported.close_number,
    reported.account_id,
    reported.product_line,
    reported.currency,
    reported.arr_local,
    reported.gross_arr_local,
    reported.arr,
    reported.gross_arr,
    reported.arr_constant,
    reported.arr_past_due,
    reported.arr_at_notice,
    reported.carr,
    reported.usage_run_rate,
    reported.fx_rate,
    records.closed_at,
    records.run_id,
    records.source_hash,
    records.policy_hash
from {{ ref('stg_closes__arr_month') }} as reported
inner join {{ ref('stg_closes__records') }} as records
    on reported.month_start = records.month_start
        and reported.close_number = records.close_number
