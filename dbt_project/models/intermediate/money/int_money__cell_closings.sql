-- State at month end by set of segments and product line, summed before it is posted to segments.
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
)

select
    line_accounts.month_start,
    sets.set_id,
    line_accounts.product_line,
    sum(line_accounts.arr) as closing_arr,
    sum(line_accounts.gross_arr) as gross_arr,
    sum(line_accounts.carr) as carr,
    sum(line_accounts.arr_at_notice) as arr_at_notice,
    sum(line_accounts.arr_past_due) as arr_past_due,
    count(*) filter (where line_accounts.arr > 0) as closing_accounts
from line_accounts
inner join {{ ref('int_calendar__money_months') }} as months
    on line_accounts.month_start = months.month_start
inner join {{ ref('int_money__account_segment_sets') }} as sets
    on line_accounts.account_id = sets.account_id
        and months.state_date >= sets.valid_from
        and months.state_date < sets.valid_to
group by line_accounts.month_start, sets.set_id, line_accounts.product_line
