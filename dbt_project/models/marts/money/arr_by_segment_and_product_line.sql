-- The ARR bridge of every segment of every lens dimension by product line, to the cent, and the state at month end. A
-- movement belongs to the segment an account was in at month start (new_logo and reactivation: at month end); a changed
-- segment then moves the closing ARR by transfer.
{% set state = ['closing_arr', 'gross_arr', 'carr', 'arr_at_notice', 'arr_past_due'] %}
{% set moves = product_movements() + ['transfer_in', 'transfer_out'] %}

with openings as (
    select
        months.month_start,
        closings.segment_set,
        closings.product_line,
        closings.closing_arr as opening_arr
    from {{ ref('int_money__cell_closings') }} as closings
    inner join {{ ref('int_calendar__money_months') }} as months
        on closings.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
),

-- a transfer counts in the dimensions in which the segment is another one
transfers as (
    select
        movements.month_start,
        opening.dimension,
        opening.segment as from_segment,
        closing.segment as to_segment,
        movements.product_line,
        movements.arr
    from {{ ref('int_money__cell_movements') }} as movements
    inner join {{ ref('int_company__segment_set_members') }} as opening
        on movements.segment_set = opening.segment_set
            and not opening.is_total
    inner join {{ ref('int_company__segment_set_members') }} as closing
        on movements.to_segment_set = closing.segment_set
            and opening.dimension = closing.dimension
    where movements.movement = 'transfer' and opening.segment <> closing.segment
),

movements as (
    select
        movements.month_start,
        segments.dimension,
        segments.segment,
        movements.product_line,
        movements.movement,
        movements.arr
    from {{ ref('int_money__cell_movements') }} as movements
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on movements.segment_set = segments.segment_set
            and not segments.is_total
    where movements.movement <> 'transfer'

    union all

    select
        month_start, dimension, from_segment, product_line, 'transfer_out', -arr
    from transfers

    union all

    select
        month_start, dimension, to_segment, product_line, 'transfer_in', arr
    from transfers
),

postings as (
    select
        month_start, dimension, segment, product_line, movement, arr,
        0 as opening_arr, {% for name in state %}0 as {{ name }}, {% endfor %}0 as closing_accounts
    from movements

    union all

    select
        openings.month_start, segments.dimension, segments.segment, openings.product_line, null, 0,
        openings.opening_arr, {{ '0, ' * state | length }}0
    from openings
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on openings.segment_set = segments.segment_set
            and not segments.is_total

    union all

    select
        closings.month_start, segments.dimension, segments.segment, closings.product_line, null, 0,
        0, {% for name in state %}closings.{{ name }}, {% endfor %}closings.closing_accounts
    from {{ ref('int_money__cell_closings') }} as closings
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on closings.segment_set = segments.segment_set
            and not segments.is_total
),

cells as (
    select
        month_start,
        dimension,
        segment,
        product_line,
        cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
        {% for name in moves -%}
        cast(sum(case when movement = '{{ name }}' then arr else 0 end) as decimal(18, 2)) as {{ name }}_arr,
        {% endfor -%}
        {% for name in state -%}
        cast(sum({{ name }}) as decimal(18, 2)) as {{ name }},
        {% endfor -%}
        cast(sum(closing_accounts) as bigint) as closing_accounts
    from postings
    group by month_start, dimension, segment, product_line
),

company as (
    select
        month_start,
        sum(closing_arr) as company_arr
    from {{ ref('int_money__cell_closings') }}
    group by month_start
)

select
    cells.*,
    cast(coalesce(company.company_arr, 0) as decimal(18, 2)) as company_arr,
    cast(cells.closing_arr as double) / nullif(company.company_arr, 0) as share_of_arr
from cells
left join company
    on cells.month_start = company.month_start
where cells.opening_arr <> 0
    {% for name in moves -%}
    or cells.{{ name }}_arr <> 0
    {% endfor -%}
    {% for name in state -%}
    or cells.{{ name }} <> 0
    {% endfor -%}
    or cells.closing_accounts <> 0
