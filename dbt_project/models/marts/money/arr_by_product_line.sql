-- The ARR bridge of every product line, to the cent, and how many of the company's paying accounts hold the line.
with postings as (
    select
        month_start,
        product_line,
        opening_arr,
        closing_arr,
        cast(closing_arr > 0 as integer) as closing_accounts,
        cast(null as varchar) as movement,
        0 as arr_delta
    from {{ ref('int_money__line_balances') }}

    union all

    select month_start, product_line, 0, 0, 0, movement, arr_delta
    from {{ ref('fct_arr_movement') }}
    where grain = 'product'
),

lines as (
    select
        month_start,
        product_line,
        cast(sum(opening_arr) as decimal(18, 2)) as opening_arr,
        {% for movement in product_movements() -%}
        cast(sum(case when movement = '{{ movement }}' then arr_delta else 0 end) as decimal(18, 2))
            as {{ movement }}_arr,
        {% endfor -%}
        cast(sum(closing_arr) as decimal(18, 2)) as closing_arr,
        cast(sum(closing_accounts) as bigint) as closing_accounts
    from postings
    group by month_start, product_line
),

company as (
    select
        month_start,
        count(*) as company_accounts
    from {{ ref('int_money__account_balances') }}
    where closing_arr > 0
    group by month_start
)

select
    lines.*,
    cast(coalesce(company.company_accounts, 0) as bigint) as company_accounts,
    lines.closing_accounts / nullif(cast(company.company_accounts as double), 0) as attach_rate
from lines
left join company
    on lines.month_start = company.month_start
where lines.opening_arr <> 0
    or lines.closing_arr <> 0
    or lines.closing_accounts <> 0
    {% for movement in product_movements() -%}
    or lines.{{ movement }}_arr <> 0
    {% endfor %}
