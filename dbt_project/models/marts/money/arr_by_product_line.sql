-- ARR at month start and month end by product line, and how many of the company's paying accounts hold the line.
with line_accounts as (
    select
        month_start,
        product_line,
        account_id,
        sum(arr) as arr
    from {{ ref('fct_arr_month') }}
    group by month_start, product_line, account_id
),

closing as (
    select
        month_start,
        product_line,
        sum(arr) as closing_arr,
        count(*) filter (where arr > 0) as closing_accounts
    from line_accounts
    group by month_start, product_line
),

positions as (
    select
        month_start,
        product_line,
        0 as opening_arr,
        closing_arr,
        closing_accounts
    from closing

    union all

    select
        months.month_start,
        closing.product_line,
        closing.closing_arr as opening_arr,
        0 as closing_arr,
        0 as closing_accounts
    from closing
    inner join {{ ref('int_calendar__money_months') }} as months
        on closing.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
),

company as (
    select
        month_start,
        count(*) filter (where arr > 0) as company_accounts
    from (
        select month_start, account_id, sum(arr) as arr
        from line_accounts
        group by month_start, account_id
    ) as account_months
    group by month_start
),

lines as (
    select
        month_start,
        product_line,
        sum(opening_arr) as opening_arr,
        sum(closing_arr) as closing_arr,
        sum(closing_accounts) as closing_accounts
    from positions
    group by month_start, product_line
)

select
    lines.month_start,
    lines.product_line,
    cast(lines.opening_arr as decimal(18, 2)) as opening_arr,
    cast(lines.closing_arr as decimal(18, 2)) as closing_arr,
    cast(lines.closing_accounts as bigint) as closing_accounts,
    cast(coalesce(company.company_accounts, 0) as bigint) as company_accounts,
    lines.closing_accounts / nullif(cast(company.company_accounts as double), 0) as attach_rate
from lines
left join company
    on lines.month_start = company.month_start
where lines.opening_arr <> 0 or lines.closing_arr <> 0 or lines.closing_accounts <> 0
