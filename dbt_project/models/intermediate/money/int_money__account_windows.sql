-- Per account and month end with ARR: what it paid, at the rate of 1, 3 and 12 months later; what it pays then; and how
-- much of that for lines it did not hold before. Null where a window's later month has no rate, or is yet to come.
{% set windows = retention_windows() %}

with months as (
    select
        month_start,
        {{ month_number('month_start') }} as month_number
    from {{ ref('int_calendar__money_months') }}
),

accounts as (
    select distinct account_id, account_number
    from {{ ref('int_money__account_lines') }}
),

held as (
    select *
    from {{ ref('int_money__rated_line_months') }}
    where arr > 0
),

{% for n in windows %}
cross_sold_{{ n }} as (
    select
        closing.account_number,
        closing.month_number - {{ n }} as month_number,
        sum(closing.arr) as arr
    from held as closing
    left join held as opening
        on closing.account_number = opening.account_number
            and closing.line_number = opening.line_number
            and closing.month_number = opening.month_number + {{ n }}
            and opening.arr_at_rate_{{ n }} is not null
    where opening.account_number is null
    group by closing.account_number, closing.month_number
){{ "," if not loop.last }}
{% endfor %}

select
    months.month_start,
    opening.month_number,
    accounts.account_id,
    opening.segment_set,
    opening.family_number,
    {% for n in windows -%}
    opening.arr_at_rate_{{ n }} as start_{{ n }},
    case when opening.arr_at_rate_{{ n }} is not null then coalesce(closing_{{ n }}.arr, 0) end as end_{{ n }},
    case when opening.arr_at_rate_{{ n }} is not null then coalesce(cross_sold_{{ n }}.arr, 0) end as cross_{{ n }}
    {{- "," if not loop.last }}
    {% endfor %}
from {{ ref('int_money__rated_account_months') }} as opening
inner join months
    on opening.month_number = months.month_number
inner join accounts
    on opening.account_number = accounts.account_number
{% for n in windows -%}
left join {{ ref('int_money__rated_account_months') }} as closing_{{ n }}
    on opening.account_number = closing_{{ n }}.account_number
        and opening.month_number + {{ n }} = closing_{{ n }}.month_number
left join cross_sold_{{ n }}
    on opening.account_number = cross_sold_{{ n }}.account_number
        and opening.month_number = cross_sold_{{ n }}.month_number
{% endfor %}
