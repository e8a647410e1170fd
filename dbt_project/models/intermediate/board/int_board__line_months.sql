-- Movements and positions by product line, of the company and of every segment, and over all lines; without gaps from a
-- cell's first month on. Money is added up over segments of the first dimension; accounts, which are not, are counted
-- where the marts count them.
{% set money = ['closing_arr', 'carr', 'arr_at_notice', 'arr_past_due'] %}
{% for movement in product_movements() %}{% do money.append(movement ~ '_arr') %}{% endfor %}

with first_dimension as (
    select dimension
    from {{ ref('stg_company__lens_dimensions') }}
    where position = 1
),

segment_lines as (
    select
        month_start, dimension, segment, product_line,
        {{ money | join(', ') }}, closing_accounts
    from {{ ref('arr_by_segment_and_product_line') }}
),

company_lines as (
    select
        lines.month_start,
        lines.product_line,
        {% for name in money -%}
        sum(lines.{{ name }}) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from segment_lines as lines
    inner join first_dimension
        on lines.dimension = first_dimension.dimension
    group by lines.month_start, lines.product_line
),

by_line as (
    select
        month_start, dimension, segment, product_line,
        {{ money | join(', ') }}, closing_accounts
    from segment_lines

    union all

    select
        lines.month_start, 'all' as dimension, 'all' as segment, lines.product_line,
        {% for name in money -%}
        lines.{{ name }},
        {% endfor -%}
        coalesce(counted.closing_accounts, 0) as closing_accounts
    from company_lines as lines
    left join {{ ref('arr_by_product_line') }} as counted
        on lines.month_start = counted.month_start
            and lines.product_line = counted.product_line
),

found as (
    select
        month_start, dimension, segment, 'product_line' as scope, product_line as scope_key,
        {{ money | join(', ') }}, closing_accounts
    from by_line

    union all

    select
        month_start, dimension, segment, 'all' as scope, 'all' as scope_key,
        {% for name in money -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        null as closing_accounts
    from by_line
    group by month_start, dimension, segment
),

cells as (
    select
        dimension,
        segment,
        scope,
        scope_key,
        min(month_start) as first_month_start
    from found
    group by dimension, segment, scope, scope_key
)

select
    months.month_start,
    cells.dimension,
    cells.segment,
    cells.scope,
    cells.scope_key,
    {% for name in money -%}
    cast(coalesce(found.{{ name }}, 0) as decimal(18, 2)) as {{ name }},
    {% endfor -%}
    case when cells.scope = 'product_line' then coalesce(found.closing_accounts, 0) end as closing_accounts,
    case when cells.scope = 'product_line' then coalesce(segments.closing_accounts, 0) end as segment_accounts
from cells
inner join {{ ref('int_calendar__money_months') }} as months
    on months.month_start >= cells.first_month_start
left join found
    on months.month_start = found.month_start
        and cells.dimension = found.dimension
        and cells.segment = found.segment
        and cells.scope = found.scope
        and cells.scope_key = found.scope_key
left join {{ ref('int_board__segment_months') }} as segments
    on months.month_start = segments.month_start
        and cells.dimension = segments.dimension
        and cells.segment = segments.segment
