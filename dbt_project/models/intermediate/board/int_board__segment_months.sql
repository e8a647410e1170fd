-- The ARR bridge of the company and of every segment, month by month without gaps: from a cell's first month on, a
-- month without any figure is one of zeros, so that what is gone is compared as nothing and not with what it once was.
{% set money = ['opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'closing'] %}
{% set counts = ['opening_accounts', 'new_accounts', 'churned_accounts', 'closing_accounts', 'flash_logos'] %}

with company as (
    select
        month_start,
        {% for name in money -%}
        sum({{ name }}_arr) as {{ name }}_arr,
        {% endfor -%}
        count(*) filter (where opening_arr > 0) as opening_accounts,
        count(*) filter (where movement = 'new') as new_accounts,
        count(*) filter (where movement = 'churn') as churned_accounts,
        count(*) filter (where closing_arr > 0) as closing_accounts,
        count(*) filter (where is_flash_logo) as flash_logos
    from {{ ref('int_money__account_bridge') }}
    group by month_start
),

found as (
    select
        month_start, 'all' as dimension, 'all' as segment,
        {{ money | join('_arr, ') }}_arr, {{ counts | join(', ') }}
    from company

    union all

    select
        month_start, dimension, segment,
        {{ money | join('_arr, ') }}_arr, {{ counts | join(', ') }}
    from {{ ref('arr_by_segment') }}
),

cells as (
    select
        dimension,
        segment,
        min(month_start) as first_month_start
    from found
    group by dimension, segment
)

select
    months.month_start,
    cells.dimension,
    cells.segment,
    {% for name in money -%}
    cast(coalesce(found.{{ name }}_arr, 0) as decimal(18, 2)) as {{ name }}_arr,
    {% endfor -%}
    {% for name in counts -%}
    coalesce(found.{{ name }}, 0) as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
from cells
inner join {{ ref('int_calendar__money_months') }} as months
    on months.month_start >= cells.first_month_start
left join found
    on months.month_start = found.month_start
        and cells.dimension = found.dimension
        and cells.segment = found.segment
