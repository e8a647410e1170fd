-- One ARR, whichever way it is summed: by account, by product line, by segment, and by both; and one movement, whether
-- it is told by account or by product line.
with company as (
    select
        months.month_start,
        coalesce(sum(fct.arr), 0) as arr
    from {{ ref('int_calendar__money_months') }} as months
    left join {{ ref('fct_arr_month') }} as fct
        on months.month_start = fct.month_start
    group by months.month_start
),

product_lines as (
    select
        month_start,
        product_line,
        closing_arr
    from {{ ref('arr_by_product_line') }}
),

cells as (
    select
        month_start,
        dimension,
        segment,
        product_line,
        closing_arr
    from {{ ref('arr_by_segment_and_product_line') }}
),

-- the company by account against its product lines
by_line as (
    select
        company.month_start,
        'company' as lens,
        'all' as lens_value,
        company.arr as left_value,
        coalesce(sum(product_lines.closing_arr), 0) as right_value
    from company
    left join product_lines
        on company.month_start = product_lines.month_start
    group by company.month_start, company.arr
),

-- the company against the segments of each dimension
by_dimension as (
    select
        company.month_start,
        lens.dimension as lens,
        'all' as lens_value,
        company.arr as left_value,
        coalesce(sum(segments.closing_arr), 0) as right_value
    from company
    cross join {{ ref('stg_company__lens_dimensions') }} as lens
    left join {{ ref('arr_by_segment') }} as segments
        on company.month_start = segments.month_start
            and lens.dimension = segments.dimension
    group by company.month_start, company.arr, lens.dimension
),

-- each segment, and each product line, against the cells of both; the worst dimension speaks for a product line
segment_sums as (
    select
        month_start,
        dimension,
        segment,
        sum(closing_arr) as arr
    from cells
    group by month_start, dimension, segment
),

by_segment as (
    select
        coalesce(segments.month_start, segment_sums.month_start) as month_start,
        coalesce(segments.dimension, segment_sums.dimension) as lens,
        coalesce(segments.segment, segment_sums.segment) as lens_value,
        coalesce(segments.closing_arr, 0) as left_value,
        coalesce(segment_sums.arr, 0) as right_value
    from {{ ref('arr_by_segment') }} as segments
    full join segment_sums
        on segments.month_start = segment_sums.month_start
            and segments.dimension = segment_sums.dimension
            and segments.segment = segment_sums.segment
),

line_sums as (
    select
        product_lines.month_start,
        product_lines.product_line,
        product_lines.closing_arr,
        lens.dimension,
        coalesce(sum(cells.closing_arr), 0) as arr
    from product_lines
    cross join {{ ref('stg_company__lens_dimensions') }} as lens
    left join cells
        on product_lines.month_start = cells.month_start
            and product_lines.product_line = cells.product_line
            and lens.dimension = cells.dimension
    group by product_lines.month_start, product_lines.product_line, product_lines.closing_arr, lens.dimension
),

by_product_line as (
    select
        month_start,
        'product_line' as lens,
        product_line as lens_value,
        closing_arr as left_value,
        arg_max(arr, (abs(arr - closing_arr), dimension)) as right_value
    from line_sums
    group by month_start, product_line, closing_arr
),

-- the movements of each account against those of its product lines, exchange rates apart; the worst account speaks for
-- a month
account_movements as (
    select
        month_start,
        account_id,
        movement = 'fx' as is_fx,
        sum(case when grain = 'account' then arr_delta else 0 end) as account_arr,
        sum(case when grain = 'product' then arr_delta else 0 end) as product_arr
    from {{ ref('fct_arr_movement') }}
    group by month_start, account_id, movement = 'fx'
),

by_movement as (
    select
        month_start,
        'movement' as lens,
        case when is_fx then 'fx' else 'all' end as lens_value,
        arg_max(account_arr, (abs(account_arr - product_arr), account_id)) as left_value,
        arg_max(product_arr, (abs(account_arr - product_arr), account_id)) as right_value
    from account_movements
    group by month_start, is_fx
)

select month_start, lens, lens_value, left_value, right_value from by_line
union all
select month_start, lens, lens_value, left_value, right_value from by_dimension
union all
select month_start, lens, lens_value, left_value, right_value from by_segment
union all
select month_start, lens, lens_value, left_value, right_value from by_product_line
union all
select month_start, lens, lens_value, left_value, right_value from by_movement
