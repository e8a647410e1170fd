-- What became of the ARR that accounts held in a product line, for every window: summed over accounts in the same
-- segments at its start, but for families, whose members are capped together later. And beside it what accounts of the
-- cohort pay at the end for lines that they did not hold at the start.
with held as (
    select *
    from {{ ref('int_money__rated_line_months') }}
    where arr > 0
),

pairs as (
    {% for n in retention_windows() -%}
    select
        {{ n }} as window_months,
        coalesce(opening.month_number + {{ n }}, closing.month_number) as month_number,
        coalesce(opening.line_number, closing.line_number) as line_number,
        coalesce(opening.segment_set, cohort.segment_set) as segment_set,
        opening.line_family_number as family_number,
        -- only cross-sold money is also told by quarter of acquisition: pairs are told by line
        cohort.acquisition_quarter_start as cross_sell_quarter_start,
        opening.account_number is not null as is_held,
        opening.arr_at_rate_{{ n }} as start_arr,
        coalesce(closing.arr, 0) as end_arr
    from (
        select *
        from held
        where arr_at_rate_{{ n }} is not null
    ) as opening
    full join held as closing
        on opening.account_number = closing.account_number
            and opening.line_number = closing.line_number
            and opening.month_number + {{ n }} = closing.month_number
    left join {{ ref('int_money__rated_account_months') }} as cohort
        on case when opening.account_number is null then closing.account_number end = cohort.account_number
            and closing.month_number - {{ n }} = cohort.month_number
            and cohort.arr_at_rate_{{ n }} is not null
    where opening.account_number is not null or cohort.account_number is not null
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    window_months,
    month_number,
    line_number,
    segment_set,
    family_number,
    cross_sell_quarter_start,
    cast(count_if(is_held) as integer) as cohort_accounts,
    cast(count_if(is_held and end_arr > 0) as integer) as retained_accounts,
    cast(sum(case when is_held then start_arr else 0 end) as decimal(18, 2)) as start_arr,
    cast(sum(case when is_held then end_arr else 0 end) as decimal(18, 2)) as end_arr,
    cast(sum(case when is_held then least(start_arr, end_arr) else 0 end) as decimal(18, 2)) as capped_arr,
    cast(sum(case when is_held then 0 else end_arr end) as decimal(18, 2)) as cross_sell_arr
from pairs
group by window_months, month_number, line_number, segment_set, family_number, cross_sell_quarter_start
