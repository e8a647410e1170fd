-- The bridge posted to segments, for every lens dimension: the opening side to the segment at month start, the closing
-- side to the segment at month end. When they differ, what is left on the opening side leaves by transfer.
{{ config(materialized='view') }}

with bridge as (
    select
        bridge.*,
        opening.dimension,
        opening.segment as opening_segment,
        closing.segment as closing_segment,
        opening.segment <> closing.segment as is_moved,
        bridge.opening_arr + bridge.expansion_arr + bridge.contraction_arr + bridge.churn_arr + bridge.fx_arr
            as opening_side_arr
    from {{ ref('int_money__segment_bridge') }} as bridge
    inner join {{ ref('int_company__segment_set_members') }} as opening
        on bridge.opening_segment_set = opening.segment_set
            and not opening.is_total
    inner join {{ ref('int_company__segment_set_members') }} as closing
        on bridge.closing_segment_set = closing.segment_set
            and opening.dimension = closing.dimension
)

select
    month_start,
    dimension,
    opening_segment as segment,
    opening_arr,
    0 as new_arr,
    0 as reactivation_arr,
    expansion_arr,
    contraction_arr,
    churn_arr,
    fx_arr,
    0 as transfer_in_arr,
    case when is_moved then -opening_side_arr else 0 end as transfer_out_arr,
    0 as closing_arr,
    opening_accounts,
    0 as new_accounts,
    0 as reactivated_accounts,
    churned_accounts,
    voluntary_churned_accounts,
    0 as transfer_in_accounts,
    case when is_moved then staying_accounts else 0 end as transfer_out_accounts,
    0 as closing_accounts,
    0 as flash_logos
from bridge

union all

select
    month_start,
    dimension,
    closing_segment as segment,
    0 as opening_arr,
    new_arr,
    reactivation_arr,
    0 as expansion_arr,
    0 as contraction_arr,
    0 as churn_arr,
    0 as fx_arr,
    case when is_moved then opening_side_arr else 0 end as transfer_in_arr,
    0 as transfer_out_arr,
    closing_arr,
    0 as opening_accounts,
    new_accounts,
    reactivated_accounts,
    0 as churned_accounts,
    0 as voluntary_churned_accounts,
    case when is_moved then staying_accounts else 0 end as transfer_in_accounts,
    0 as transfer_out_accounts,
    closing_accounts,
    flash_logos
from bridge
