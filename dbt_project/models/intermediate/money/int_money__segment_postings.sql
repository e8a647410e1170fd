-- The account bridge posted to segments, for every lens dimension: the opening side to the segment at month start, the
-- closing side to the segment at month end. When they differ, what is left on the opening side leaves by transfer.
-- A view, because its one reader only sums it up: two rows an account, month and dimension need not be written.
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
    from {{ ref('int_money__account_bridge') }} as bridge
    inner join {{ ref('int_calendar__money_months') }} as months
        on bridge.month_start = months.month_start
    inner join {{ ref('dim_account_segment') }} as opening
        on bridge.account_id = opening.account_id
            and months.previous_state_date >= opening.valid_from
            and months.previous_state_date < opening.valid_to
    inner join {{ ref('dim_account_segment') }} as closing
        on bridge.account_id = closing.account_id
            and opening.dimension = closing.dimension
            and months.state_date >= closing.valid_from
            and months.state_date < closing.valid_to
)

select
    month_start,
    dimension,
    opening_segment as segment,
    account_id,
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
    cast(opening_arr > 0 as integer) as opening_accounts,
    0 as new_accounts,
    0 as reactivated_accounts,
    cast(coalesce(movement = 'churn', false) as integer) as churned_accounts,
    cast(coalesce(movement = 'churn' and reason = 'voluntary', false) as integer) as voluntary_churned_accounts,
    0 as transfer_in_accounts,
    cast(is_moved and opening_arr > 0 and closing_arr > 0 as integer) as transfer_out_accounts,
    0 as closing_accounts,
    0 as flash_logos
from bridge

union all

select
    month_start,
    dimension,
    closing_segment as segment,
    account_id,
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
    cast(coalesce(movement = 'new', false) as integer) as new_accounts,
    cast(coalesce(movement = 'reactivation', false) as integer) as reactivated_accounts,
    0 as churned_accounts,
    0 as voluntary_churned_accounts,
    cast(is_moved and opening_arr > 0 and closing_arr > 0 as integer) as transfer_in_accounts,
    0 as transfer_out_accounts,
    cast(closing_arr > 0 as integer) as closing_accounts,
    cast(is_flash_logo as integer) as flash_logos
from bridge
