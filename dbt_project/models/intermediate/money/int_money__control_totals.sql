-- What finance already reported against what these marts hold, for every complete month. A total of a segment is read
-- in the first lens dimension that knows the segment.
with totals as (
    select
        totals.month_start,
        totals.metric,
        totals.reported_value,
        totals.product_line,
        totals.segment
    from {{ ref('stg_finance__control_totals') }} as totals
    inner join {{ ref('int_calendar__money_months') }} as months
        on totals.month_start = months.month_start
            and months.is_complete
),

segment_dimensions as (
    select
        segments.segment,
        arg_min(lens.dimension, lens.position) as dimension
    from (select distinct dimension, segment from {{ ref('dim_account_segment') }}) as segments
    inner join {{ ref('stg_company__lens_dimensions') }} as lens
        on segments.dimension = lens.dimension
    group by segments.segment
),

paying as (
    select
        month_start,
        sum(closing_arr) as arr,
        count(*) filter (where closing_arr > 0) as accounts
    from {{ ref('int_money__account_balances') }}
    group by month_start
),

stocks as (
    select month_start, null as dimension, null as segment, null as product_line, arr, accounts
    from paying
    union all
    select month_start, null, null, product_line, closing_arr, closing_accounts
    from {{ ref('arr_by_product_line') }}
    union all
    select month_start, dimension, segment, null, closing_arr, closing_accounts
    from {{ ref('arr_by_segment') }}
    union all
    select month_start, dimension, segment, product_line, closing_arr, closing_accounts
    from {{ ref('arr_by_segment_and_product_line') }}
),

-- an amount without a rate leaves the whole sum unknown, not smaller
revenue as (
    select
        totals.month_start,
        totals.product_line,
        totals.segment,
        case when count(*) = count(ledger.amount) then sum(ledger.amount) end as revenue
    from totals
    inner join {{ ref('int_money__ledger') }} as ledger
        on totals.month_start = ledger.month_start
            and coalesce(totals.product_line, ledger.product_line, '') = coalesce(ledger.product_line, '')
            and coalesce(totals.segment, ledger.segment, '') = coalesce(ledger.segment, '')
    where totals.metric = 'recurring_revenue'
    group by totals.month_start, totals.product_line, totals.segment
)

select
    totals.month_start,
    totals.metric,
    case
        when totals.segment is not null and totals.product_line is not null
            then coalesce(dimensions.dimension, 'segment') || ' and product_line'
        when totals.segment is not null then coalesce(dimensions.dimension, 'segment')
        when totals.product_line is not null then 'product_line'
        else 'company'
    end as lens,
    case
        when totals.segment is not null and totals.product_line is not null
            then totals.segment || ' | ' || totals.product_line
        else coalesce(totals.segment, totals.product_line, 'all')
    end as lens_value,
    case
        when totals.metric = 'recurring_revenue' then revenue.revenue
        -- a month without any money, or a segment that no account was ever in, is no data and not a zero
        when paying.month_start is null then null
        when totals.segment is not null and dimensions.dimension is null then null
        when totals.metric = 'arr' then coalesce(stocks.arr, 0)
        when totals.metric = 'mrr'
            then cast({{ divide_half_up('cast(coalesce(stocks.arr, 0) * 100 as hugeint)', '12') }} as decimal(18, 2))
                * cast(0.01 as decimal(2, 2))
        when totals.metric = 'paying_accounts' then coalesce(stocks.accounts, 0)
    end as left_value,
    totals.reported_value as right_value
from totals
left join segment_dimensions as dimensions
    on totals.segment = dimensions.segment
left join paying
    on totals.month_start = paying.month_start
left join stocks
    on totals.month_start = stocks.month_start
        and coalesce(totals.product_line, '') = coalesce(stocks.product_line, '')
        and coalesce(totals.segment, '') = coalesce(stocks.segment, '')
        and coalesce(dimensions.dimension, '') = coalesce(stocks.dimension, '')
left join revenue
    on totals.month_start = revenue.month_start
        and coalesce(totals.product_line, '') = coalesce(revenue.product_line, '')
        and coalesce(totals.segment, '') = coalesce(revenue.segment, '')
