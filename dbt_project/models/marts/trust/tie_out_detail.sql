-- Behind every difference of tie_out the list that it consists of: who, what, how much, and whether that explains it.
select
    month_start,
    check_key,
    lens,
    lens_value,
    account_id,
    item_id,
    product_id,
    invoice_id,
    line_id,
    gl_account,
    cause,
    amount,
    is_explained,
    note
from {{ ref('int_money__tie_out_causes') }}

union all

-- the other checks compare sums: their difference names nobody
select
    month_start,
    check_key,
    lens,
    lens_value,
    null as account_id,
    null as item_id,
    null as product_id,
    null as invoice_id,
    null as line_id,
    null as gl_account,
    case check_key
        when 'roll_forward' then 'bridge_gap'
        when 'grains_agree' then 'grain_gap'
        else 'differs_from_reported'
    end as cause,
    difference as amount,
    false as is_explained,
    case check_key
        when 'roll_forward' then 'Opening ARR and movements are not closing ARR: a fault of the marts.'
        when 'grains_agree' then 'Two sums of the same ARR differ: a fault of the marts.'
        else 'The marts and the control total that finance handed over differ: one of the two was restated.'
    end as note
from {{ ref('tie_out') }}
where check_key not in ('arr_to_billing', 'mrr_to_gl')
    and difference <> 0
