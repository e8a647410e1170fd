-- What falls due for renewal in each fiscal quarter, and of what has fallen due, what was renewed and what grew.
with cells as (
    select
        renewals.quarter_start,
        segments.dimension,
        segments.segment,
        renewals.product_line,
        cast(sum(renewals.due_arr) as decimal(18, 2)) as arr_due,
        cast(
            coalesce(sum(renewals.due_arr) filter (where renewals.due_month_start is not null), 0) as decimal(18, 2)
        ) as arr_due_to_date,
        cast(
            sum(least(renewals.continued_arr, renewals.due_arr)) filter (where renewals.due_month_start is not null)
            as decimal(18, 2)
        ) as arr_renewed,
        cast(
            sum(greatest(renewals.continued_arr - renewals.due_arr, 0))
                filter (where renewals.due_month_start is not null)
            as decimal(18, 2)
        ) as arr_expanded,
        cast(sum(renewals.notice_arr) as decimal(18, 2)) as arr_due_at_notice,
        cast(count(distinct renewals.account_id) as bigint) as accounts_due
    from {{ ref('int_money__renewals') }} as renewals
    inner join {{ ref('dim_account_segment') }} as segments
        on renewals.account_id = segments.account_id
            and renewals.read_on >= segments.valid_from
            and renewals.read_on < segments.valid_to
    group by renewals.quarter_start, segments.dimension, segments.segment, renewals.product_line
),

latest as (
    select max(state_date) as last_date
    from {{ ref('int_calendar__money_months') }}
),

judged as (
    select
        cells.*,
        cast({{ dbt.dateadd('month', 3, 'cells.quarter_start') }} as date) - 1 <= latest.last_date as is_complete
    from cells
    cross join latest
)

select
    quarter_start,
    dimension,
    segment,
    product_line,
    arr_due,
    arr_due_to_date,
    arr_renewed,
    arr_expanded,
    case
        when is_complete then cast(arr_renewed as double) / nullif(cast(arr_due as double), 0)
    end as renewal_rate,
    arr_due_at_notice,
    accounts_due,
    accounts_due < 10 as is_small,
    is_complete
from judged
