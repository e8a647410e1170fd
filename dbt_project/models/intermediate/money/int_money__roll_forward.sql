-- Opening + movements against closing, for the company and for every segment. The closing side is read from the ARR
-- itself, the opening side from the month before, so that the bridge in between is proven and not repeated.
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

segment_arr as (
    select
        fct.month_start,
        segments.dimension,
        segments.segment,
        sum(fct.arr) as arr
    from {{ ref('fct_arr_month') }} as fct
    inner join {{ ref('int_calendar__money_months') }} as months
        on fct.month_start = months.month_start
    inner join {{ ref('dim_account_segment') }} as segments
        on fct.account_id = segments.account_id
            and months.state_date >= segments.valid_from
            and months.state_date < segments.valid_to
    group by fct.month_start, segments.dimension, segments.segment
),

-- a segment may have ARR without a bridge row, or the other way round: both would be a fault and must show
segment_keys as (
    select month_start, dimension, segment from segment_arr
    union
    select month_start, dimension, segment from {{ ref('arr_by_segment') }}
),

segments as (
    select
        keys.month_start,
        keys.dimension as lens,
        keys.segment as lens_value,
        coalesce(opening.arr, 0) + coalesce(
            bridge.new_arr + bridge.reactivation_arr + bridge.expansion_arr + bridge.contraction_arr + bridge.churn_arr
            + bridge.fx_arr + bridge.transfer_in_arr + bridge.transfer_out_arr, 0
        ) as left_value,
        coalesce(closing.arr, 0) as right_value
    from segment_keys as keys
    left join {{ ref('arr_by_segment') }} as bridge
        on keys.month_start = bridge.month_start
            and keys.dimension = bridge.dimension
            and keys.segment = bridge.segment
    left join segment_arr as closing
        on keys.month_start = closing.month_start
            and keys.dimension = closing.dimension
            and keys.segment = closing.segment
    left join segment_arr as opening
        on opening.month_start = {{ dbt.dateadd('month', -1, 'keys.month_start') }}
            and keys.dimension = opening.dimension
            and keys.segment = opening.segment
)

select month_start, lens, lens_value, left_value, right_value from company
union all
select month_start, lens, lens_value, left_value, right_value from segments
