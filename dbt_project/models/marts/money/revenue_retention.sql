-- What became of the ARR of 1, 3 and 12 months ago: both ends at the rate of the later month, by the segment an account
-- was in at the start. Growth and shrinkage of accounts of one family offset each other before GRR caps them.
with scoped as (
    select
        window_months, month_number, segment_set, family_number,
        'all' as scope, 'all' as scope_key,
        cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, 0 as cross_sell_arr
    from {{ ref('int_money__retained_accounts') }}

    union all

    select
        window_months, month_number, segment_set, family_number,
        'acquisition_quarter', cast(acquisition_quarter_start as varchar),
        cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, 0
    from {{ ref('int_money__retained_accounts') }}

    union all

    select
        window_months, month_number, segment_set, family_number,
        'product_line', lines.product_line,
        cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, cross_sell_arr
    from {{ ref('int_money__retained_lines') }} as retained
    inner join (select distinct line_number, product_line from {{ ref('int_money__account_lines') }}) as lines
        on retained.line_number = lines.line_number

    union all

    select
        window_months, month_number, segment_set, family_number,
        unnest(['all', 'acquisition_quarter']), unnest(['all', cast(cross_sell_quarter_start as varchar)]),
        0, 0, 0, 0, 0, cross_sell_arr
    from {{ ref('int_money__retained_lines') }}
    where cross_sell_quarter_start is not null
),

families as (
    select
        scoped.window_months,
        scoped.month_number,
        segments.dimension,
        segments.segment,
        segments.is_total,
        scoped.scope,
        scoped.scope_key,
        sum(scoped.cohort_accounts) as cohort_accounts,
        sum(scoped.retained_accounts) as retained_accounts,
        sum(scoped.start_arr) as start_arr,
        sum(scoped.end_arr) as end_arr,
        case
            when scoped.family_number is null then sum(scoped.capped_arr)
            else least(sum(scoped.start_arr), sum(scoped.end_arr))
        end as capped_arr,
        sum(scoped.cross_sell_arr) as cross_sell_arr
    from scoped
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on scoped.segment_set = segments.segment_set
    group by
        scoped.window_months, scoped.month_number, segments.dimension, segments.segment, segments.is_total,
        scoped.scope, scoped.scope_key, scoped.family_number
),

cells as (
    select
        window_months, month_number, dimension, segment, is_total, scope, scope_key,
        cast(sum(cohort_accounts) as bigint) as cohort_accounts,
        cast(sum(retained_accounts) as bigint) as retained_accounts,
        cast(sum(start_arr) as decimal(18, 2)) as start_arr,
        cast(sum(end_arr) as decimal(18, 2)) as end_arr,
        cast(sum(capped_arr) as decimal(18, 2)) as capped_arr,
        cast(sum(cross_sell_arr) as decimal(18, 2)) as cross_sell_arr
    from families
    group by window_months, month_number, dimension, segment, is_total, scope, scope_key
)

select
    months.month_start,
    cast(cells.window_months as integer) as window_months,
    cells.dimension,
    cells.segment,
    cells.is_total,
    cells.scope,
    cells.scope_key,
    cells.cohort_accounts,
    cells.retained_accounts,
    cells.start_arr,
    cells.end_arr,
    cells.capped_arr,
    cells.cross_sell_arr,
    cast(cells.end_arr as double) / nullif(cast(cells.start_arr as double), 0) as nrr,
    cast(cells.capped_arr as double) / nullif(cast(cells.start_arr as double), 0) as grr,
    cast(cells.retained_accounts as double) / nullif(cells.cohort_accounts, 0) as logo_retention,
    cells.cohort_accounts < 10 as is_small,
    months.is_complete
from cells
inner join {{ ref('int_calendar__money_months') }} as months
    on cells.month_number = {{ month_number('months.month_start') }}
