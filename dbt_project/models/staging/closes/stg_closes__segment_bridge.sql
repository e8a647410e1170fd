-- The ARR bridge of each segment as it was closed.
select
    month_start,
    close_number,
    dimension,
    segment,
    opening_arr,
    new_arr,
    reactivation_arr,
    expansion_arr,
    contraction_arr,
    churn_arr,
    fx_arr,
    transfer_in_arr,
    transfer_out_arr,
    closing_arr
from {{ source('closes', 'closed_segment_bridge') }}
