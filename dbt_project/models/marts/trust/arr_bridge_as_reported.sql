-- The ARR bridge from close to close: it opens with what the month before was reported with, and what has been corrected
-- in between enters as prior-period adjustment, so that reported figures add up for ever.
{% set moves = ['new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'transfer_in', 'transfer_out'] %}

with closed as (
    select
        month_start,
        close_number,
        lag(month_start) over (order by month_start) as previous_month_start
    from {{ ref('stg_closes__records') }}
    where is_in_force
),

frozen as (
    select
        bridge.*,
        closed.previous_month_start
    from {{ ref('stg_closes__segment_bridge') }} as bridge
    inner join closed
        on bridge.month_start = closed.month_start
            and bridge.close_number = closed.close_number
),

-- months between two closes held no money, or they would have had to be closed: such a month was reported with zero
reported_before as (
    select
        closed.month_start,
        closed.close_number,
        frozen.dimension,
        frozen.segment,
        case
            when frozen.month_start = {{ dbt.dateadd('month', -1, 'closed.month_start') }} then frozen.closing_arr
            else 0
        end as opening_arr
    from closed
    inner join frozen
        on closed.previous_month_start = frozen.month_start
),

dimensions_before as (
    select distinct
        month_start,
        dimension
    from reported_before
),

dimensions_now as (
    select distinct
        month_start,
        dimension
    from frozen
),

lines as (
    select
        coalesce(frozen.month_start, before.month_start) as month_start,
        coalesce(frozen.close_number, before.close_number) as close_number,
        coalesce(frozen.dimension, before.dimension) as dimension,
        coalesce(frozen.segment, before.segment) as segment,
        coalesce(before.opening_arr, 0) as reported_opening_arr,
        coalesce(frozen.opening_arr, 0) as opening_arr,
        {% for move in moves -%}
        coalesce(frozen.{{ move }}_arr, 0) as {{ move }}_arr,
        {% endfor -%}
        coalesce(frozen.closing_arr, 0) as closing_arr
    from frozen
    full join reported_before as before
        on frozen.month_start = before.month_start
            and frozen.dimension = before.dimension
            and frozen.segment = before.segment
),

-- the first closed month, and a dimension that was not closed before, open with what they were closed with
opened as (
    select
        lines.*,
        case when known.dimension is null then lines.opening_arr else lines.reported_opening_arr end as opens_with
    from lines
    inner join dimensions_now
        on lines.month_start = dimensions_now.month_start
            and lines.dimension = dimensions_now.dimension
    left join dimensions_before as known
        on lines.month_start = known.month_start
            and lines.dimension = known.dimension
)

select
    month_start,
    close_number,
    dimension,
    segment,
    cast(opens_with as decimal(18, 2)) as opening_arr,
    {% for move in moves -%}
    cast({{ move }}_arr as decimal(18, 2)) as {{ move }}_arr,
    {% endfor -%}
    cast(opening_arr - opens_with as decimal(18, 2)) as prior_period_adjustment_arr,
    cast(closing_arr as decimal(18, 2)) as closing_arr
from opened
where opens_with <> 0
    or opening_arr <> 0
    {% for move in moves -%}
    or {{ move }}_arr <> 0
    {% endfor -%}
    or closing_arr <> 0
