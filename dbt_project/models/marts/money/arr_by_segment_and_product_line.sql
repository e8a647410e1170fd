-- ARR at month end by segment and product line, for every lens dimension; the segment is the one at month end.
with line_accounts as (
    select
        month_start,
        account_id,
        product_line,
        sum(arr) as arr,
        sum(gross_arr) as gross_arr,
        sum(carr) as carr,
        sum(arr_at_notice) as arr_at_notice,
        sum(arr_past_due) as arr_past_due
    from {{ ref('fct_arr_month') }}
    group by month_start, account_id, product_line
),

company as (
    select
        month_start,
        sum(arr) as company_arr
    from line_accounts
    group by month_start
),

cells as (
    select
        line_accounts.month_start,
        segments.dimension,
        segments.segment,
        line_accounts.product_line,
        cast(sum(line_accounts.arr) as decimal(18, 2)) as closing_arr,
        cast(sum(line_accounts.gross_arr) as decimal(18, 2)) as gross_arr,
        cast(sum(line_accounts.carr) as decimal(18, 2)) as carr,
        cast(sum(line_accounts.arr_at_notice) as decimal(18, 2)) as arr_at_notice,
        cast(sum(line_accounts.arr_past_due) as decimal(18, 2)) as arr_past_due,
        count(*) filter (where line_accounts.arr > 0) as closing_accounts
    from line_accounts
    inner join {{ ref('int_calendar__money_months') }} as months
        on line_accounts.month_start = months.month_start
    inner join {{ ref('dim_account_segment') }} as segments
        on line_accounts.account_id = segments.account_id
            and months.state_date >= segments.valid_from
            and months.state_date < segments.valid_to
    group by line_accounts.month_start, segments.dimension, segments.segment, line_accounts.product_line
)

select
    cells.*,
    cast(company.company_arr as decimal(18, 2)) as company_arr,
    cast(cells.closing_arr as double) / nullif(company.company_arr, 0) as share_of_arr
from cells
inner join company
    on cells.month_start = company.month_start
where cells.closing_arr <> 0
    or cells.gross_arr <> 0
    or cells.carr <> 0
    or cells.arr_at_notice <> 0
    or cells.arr_past_due <> 0
    or cells.closing_accounts <> 0
