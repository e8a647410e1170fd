-- What fell due and was renewed by fiscal quarter, of the company and of every segment, by product line and over all
-- lines. Money is added up; accounts, of which one may be due in several lines, are counted anew.
with first_dimension as (
    select dimension
    from {{ ref('stg_company__lens_dimensions') }}
    where position = 1
),

placed as (
    select
        quarter_start, 'all' as dimension, 'all' as segment, product_line, account_id
    from {{ ref('int_money__renewals') }}

    union all

    select
        renewals.quarter_start, segments.dimension, segments.segment, renewals.product_line, renewals.account_id
    from {{ ref('int_money__renewals') }} as renewals
    inner join {{ ref('dim_account_segment') }} as segments
        on renewals.account_id = segments.account_id
            and renewals.read_on >= segments.valid_from
            and renewals.read_on < segments.valid_to
),

counted as (
    select
        quarter_start, dimension, segment, 'product_line' as scope, product_line as scope_key,
        count(distinct account_id) as accounts_due
    from placed
    group by quarter_start, dimension, segment, product_line

    union all

    select
        quarter_start, dimension, segment, 'all' as scope, 'all' as scope_key,
        count(distinct account_id) as accounts_due
    from placed
    group by quarter_start, dimension, segment
),

by_line as (
    select quarter_start, dimension, segment, product_line, arr_renewed, arr_due_to_date
    from {{ ref('arr_renewals') }}

    union all

    select renewals.quarter_start, 'all' as dimension, 'all' as segment, renewals.product_line,
        renewals.arr_renewed, renewals.arr_due_to_date
    from {{ ref('arr_renewals') }} as renewals
    inner join first_dimension
        on renewals.dimension = first_dimension.dimension
),

cells as (
    select
        quarter_start, dimension, segment, 'product_line' as scope, product_line as scope_key,
        sum(arr_renewed) as arr_renewed, sum(arr_due_to_date) as arr_due_to_date
    from by_line
    group by quarter_start, dimension, segment, product_line

    union all

    select
        quarter_start, dimension, segment, 'all' as scope, 'all' as scope_key,
        sum(arr_renewed) as arr_renewed, sum(arr_due_to_date) as arr_due_to_date
    from by_line
    group by quarter_start, dimension, segment
)

select
    cells.quarter_start,
    cells.dimension,
    cells.segment,
    cells.scope,
    cells.scope_key,
    cells.arr_renewed,
    cells.arr_due_to_date,
    counted.accounts_due
from cells
inner join counted
    on cells.quarter_start = counted.quarter_start
        and cells.dimension = counted.dimension
        and cells.segment = counted.segment
        and cells.scope = counted.scope
        and cells.scope_key = counted.scope_key
