-- State at month end by set of segments and product line, summed before it is posted to segments.
with closings as (
    select
        fct.month_start,
        months.state_date,
        fct.account_id,
        fct.product_line,
        fct.arr,
        fct.gross_arr,
        fct.carr,
        fct.arr_at_notice,
        fct.arr_past_due,
        cast(fct.arr > 0 as integer) as accounts
    from {{ ref('fct_arr_month') }} as fct
    inner join {{ ref('int_calendar__money_months') }} as months
        on fct.month_start = months.month_start
),

-- an account that pays for a line in several currencies is one account: what counting its rows gets wrong
recounted as (
    select
        closings.month_start,
        closings.state_date,
        closings.account_id,
        closings.product_line,
        cast(sum(closings.arr) > 0 as integer) - sum(closings.accounts) as accounts
    from closings
    inner join {{ ref('int_money__account_lines') }} as lines
        on closings.account_id = lines.account_id
            and closings.product_line = lines.product_line
    where lines.has_currencies
    group by closings.month_start, closings.state_date, closings.account_id, closings.product_line
),

parts as (
    select *
    from closings

    union all

    select month_start, state_date, account_id, product_line, 0, 0, 0, 0, 0, accounts
    from recounted
)

select
    parts.month_start,
    sets.segment_set,
    parts.product_line,
    sum(parts.arr) as closing_arr,
    sum(parts.gross_arr) as gross_arr,
    sum(parts.carr) as carr,
    sum(parts.arr_at_notice) as arr_at_notice,
    sum(parts.arr_past_due) as arr_past_due,
    sum(parts.accounts) as closing_accounts
from parts
inner join {{ ref('int_company__segment_sets') }} as sets
    on parts.account_id = sets.account_id
        and parts.state_date >= sets.valid_from
        and parts.state_date < sets.valid_to
group by parts.month_start, sets.segment_set, parts.product_line
