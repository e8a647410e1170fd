-- What became of the ARR of accounts, for every window: summed over accounts that were in the same segments at its
-- start and paid first in the same fiscal quarter, but for families, whose members are capped together later.
with accounts as (
    {% for n in retention_windows() -%}
    select
        {{ n }} as window_months,
        opening.month_number + {{ n }} as month_number,
        opening.acquisition_quarter_start,
        opening.segment_set,
        opening.family_number,
        opening.arr_at_rate_{{ n }} as start_arr,
        coalesce(closing.arr, 0) as end_arr
    from {{ ref('int_money__rated_account_months') }} as opening
    left join {{ ref('int_money__rated_account_months') }} as closing
        on opening.account_number = closing.account_number
            and opening.month_number + {{ n }} = closing.month_number
    where opening.arr_at_rate_{{ n }} is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    window_months,
    month_number,
    acquisition_quarter_start,
    segment_set,
    family_number,
    cast(count(*) as integer) as cohort_accounts,
    cast(count_if(end_arr > 0) as integer) as retained_accounts,
    cast(sum(start_arr) as decimal(18, 2)) as start_arr,
    cast(sum(end_arr) as decimal(18, 2)) as end_arr,
    cast(sum(least(start_arr, end_arr)) as decimal(18, 2)) as capped_arr
from accounts
group by window_months, month_number, acquisition_quarter_start, segment_set, family_number
