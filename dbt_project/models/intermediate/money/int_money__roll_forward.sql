-- Opening + movements against closing, for the company, every segment, every product line and every cell of both. The
-- closing side is read from the ARR itself, the opening side from the month before, so that the bridge in between is
-- proven and not repeated.
with company_arr as (
    select
        month_start,
        sum(arr) as arr
    from {{ ref('fct_arr_month') }}
    group by month_start
),

company_movements as (
    select
        month_start,
        sum(arr_delta) as arr
    from {{ ref('fct_arr_movement') }}
    where grain = 'account'
    group by month_start
),

company as (
    select
        months.month_start,
        'company' as lens,
        'all' as lens_value,
        coalesce(opening.arr, 0) + coalesce(movements.arr, 0) as left_value,
        coalesce(closing.arr, 0) as right_value
    from {{ ref('int_calendar__money_months') }} as months
    left join company_arr as closing
        on months.month_start = closing.month_start
    left join company_arr as opening
        on opening.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
    left join company_movements as movements
        on months.month_start = movements.month_start
),

-- ARR by segment (product_line null), product line (dimension null) and both
closings as (
    select
        closings.month_start,
        segments.dimension,
        segments.segment,
        closings.product_line,
        sum(closings.closing_arr) as arr
    from {{ ref('int_money__cell_closings') }} as closings
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on closings.segment_set = segments.segment_set
            and not segments.is_total
    group by grouping sets (
        (closings.month_start, segments.dimension, segments.segment, closings.product_line),
        (closings.month_start, segments.dimension, segments.segment)
    )

    union all

    select month_start, null as dimension, null as segment, product_line, sum(arr) as arr
    from {{ ref('fct_arr_month') }}
    group by month_start, product_line
),

bridges as (
    select
        month_start, dimension, segment, null as product_line,
        new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr + fx_arr
        + transfer_in_arr + transfer_out_arr as arr
    from {{ ref('arr_by_segment') }}

    union all

    select
        month_start, null as dimension, null as segment, product_line,
        {{ product_movements() | join('_arr + ') }}_arr as arr
    from {{ ref('arr_by_product_line') }}

    union all

    select
        month_start, dimension, segment, product_line,
        {{ product_movements() | join('_arr + ') }}_arr + transfer_in_arr + transfer_out_arr as arr
    from {{ ref('arr_by_segment_and_product_line') }}
),

-- a cut may have ARR without a bridge row, or the other way round: both would be a fault and must show
sides as (
    select month_start, dimension, segment, product_line, arr as left_value, 0 as right_value
    from bridges

    union all

    select months.month_start, opening.dimension, opening.segment, opening.product_line, opening.arr, 0
    from closings as opening
    inner join {{ ref('int_calendar__money_months') }} as months
        on opening.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}

    union all

    select month_start, dimension, segment, product_line, 0, arr
    from closings
),

cuts as (
    select
        month_start,
        case
            when product_line is null then dimension
            when dimension is null then 'product_line'
            else dimension || ' and product_line'
        end as lens,
        case
            when product_line is null then segment
            when dimension is null then product_line
            else segment || ' | ' || product_line
        end as lens_value,
        sum(left_value) as left_value,
        sum(right_value) as right_value
    from sides
    group by month_start, dimension, segment, product_line
)

select month_start, lens, lens_value, left_value, right_value from company
union all
select month_start, lens, lens_value, left_value, right_value from cuts
