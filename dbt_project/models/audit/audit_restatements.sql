-- One row per closed month: whether its restatements make up the whole difference between then and now, account by
-- account and line by line, whether segments only exchange ARR, and whether its bridge adds up.
with closed as (
    select
        month_start,
        close_number
    from {{ ref('month_closes') }}
    where is_in_force
),

amounts as (
    select month_start, account_id, product_line, -arr as amount
    from {{ ref('arr_month_as_reported') }}
    inner join closed using (month_start, close_number)

    union all

    select month_start, account_id, product_line, arr as amount
    from {{ ref('fct_arr_month') }}
    inner join closed using (month_start)

    union all

    select month_start, account_id, product_line, -delta as amount
    from {{ ref('restatements') }}
),

lines as (
    select month_start, account_id, product_line, sum(amount) as off
    from amounts
    group by month_start, account_id, product_line
),

unexplained as (
    select
        month_start,
        count(*) as lines,
        sum(case when off <> 0 then 1 else 0 end) as lines_off
    from lines
    group by month_start
),

exchanged as (
    select month_start, account_id, dimension, sum(delta) as off
    from {{ ref('restatements') }}
    where cause = 'segment'
    group by month_start, account_id, dimension
),

segments as (
    select month_start, count(*) as lines_off
    from exchanged
    where off <> 0
    group by month_start
),

bridges as (
    select
        month_start,
        sum(
            case
                when opening_arr + new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr + fx_arr
                    + transfer_in_arr + transfer_out_arr + prior_period_adjustment_arr <> closing_arr then 1
                else 0
            end
        ) as lines_off
    from {{ ref('arr_bridge_as_reported') }}
    group by month_start
),

configured as (
    select count(*) > 0 as is_configured
    from closed
)

select
    coalesce('closed month ' || cast(closed.month_start as varchar), 'no closed month') as subject,
    configured.is_configured,
    coalesce(unexplained.lines > 0, false) as has_data,
    closed.month_start,
    cast(coalesce(unexplained.lines_off, 0) + coalesce(segments.lines_off, 0) as bigint) as lines_off,
    cast(coalesce(bridges.lines_off, 0) as bigint) as bridge_lines_off
from configured
left join closed
    on configured.is_configured
left join unexplained
    on closed.month_start = unexplained.month_start
left join segments
    on closed.month_start = segments.month_start
left join bridges
    on closed.month_start = bridges.month_start
