-- Accounts that a closed month shows in another segment than the company does today: what they were closed with leaves
-- the one and comes to the other, so company ARR does not move. An account that is gone stays where it was closed.
with closed as (
    select
        month_start,
        close_number,
        {{ dbt.last_day('month_start', 'month') }} as month_end
    from {{ ref('stg_closes__records') }}
    where is_in_force
),

moved as (
    select
        reported.month_start,
        reported.close_number,
        reported.account_id,
        reported.dimension,
        reported.segment as segment_reported,
        today.segment as segment_restated
    from {{ ref('stg_closes__account_segments') }} as reported
    inner join closed
        on reported.month_start = closed.month_start
            and reported.close_number = closed.close_number
    inner join {{ ref('int_company__account_segments') }} as today
        on reported.account_id = today.account_id
            and reported.dimension = today.dimension
            and closed.month_end >= today.valid_from
            and closed.month_end < today.valid_to
            and reported.segment <> today.segment
),

money as (
    select
        moved.*,
        reported.product_line,
        reported.currency,
        reported.arr
    from moved
    inner join {{ ref('stg_closes__arr_month') }} as reported
        on moved.month_start = reported.month_start
            and moved.close_number = reported.close_number
            and moved.account_id = reported.account_id
    where reported.arr <> 0
)

select
    month_start, close_number, account_id, product_line, currency, dimension,
    segment_reported as segment,
    arr as as_reported,
    cast(0 as decimal(18, 2)) as restated
from money

union all

select
    month_start, close_number, account_id, product_line, currency, dimension,
    segment_restated as segment,
    cast(0 as decimal(18, 2)) as as_reported,
    arr as restated
from money
