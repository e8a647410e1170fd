-- What became of the ARR of 1, 3 and 12 months ago: both ends at the rate of the later month, by the segment an account
-- was in at the start. Growth and shrinkage of accounts of one family offset each other before GRR caps them.
{% set figures = ['cohort_accounts', 'retained_accounts', 'start_arr', 'end_arr', 'capped_arr', 'cross_sell_arr'] %}

-- scope_number is the place of the scope in this list, key_number that of its key: numbers are grouped much faster
with scopes as (
    select 0 as scope_number, 0 as key_number, 'all' as scope, 'all' as scope_key

    union all

    select distinct 1, line_number, 'product_line', product_line
    from {{ ref('int_money__account_lines') }}

    union all

    select distinct
        2, {{ month_number('acquisition_quarter_start') }}, 'acquisition_quarter',
        cast(acquisition_quarter_start as varchar)
    from {{ ref('int_money__rated_account_months') }}
),

accounts as (
    select
        window_months, month_number, segment_set, family_number,
        {{ month_number('acquisition_quarter_start') }} as quarter_number,
        cohort_accounts, retained_accounts, start_arr, end_arr, capped_arr, 0 as cross_sell_arr
    from {{ ref('int_money__retained_accounts') }}

    union all

    -- what was cross-sold to accounts is held by line
    select
        window_months, month_number, segment_set, null, {{ month_number('cross_sell_quarter_start') }},
        0, 0, 0, 0, 0, sum(cross_sell_arr)
    from {{ ref('int_money__retained_lines') }}
    where cross_sell_quarter_start is not null
    group by window_months, month_number, segment_set, cross_sell_quarter_start
),

scoped as (
    select
        window_months, month_number, segment_set, family_number,
        unnest([0, 2]) as scope_number, unnest([0, quarter_number]) as key_number,
        {{ figures | join(', ') }}
    from accounts

    union all

    select
        window_months, month_number, segment_set, family_number,
        1 as scope_number, line_number as key_number,
        {{ figures | join(', ') }}
    from {{ ref('int_money__retained_lines') }}
),

-- what adds up over accounts, families or not, is added up before it is spread over the dimensions
added as (
    select
        window_months, month_number, segment_set, scope_number, key_number,
        {% for figure in figures -%}
        sum({{ figure }}) {{ "filter (where family_number is null) " if figure == 'capped_arr' }}as {{ figure }}
        {{- "," if not loop.last }}
        {% endfor %}
    from scoped
    group by window_months, month_number, segment_set, scope_number, key_number
),

families as (
    select
        scoped.window_months, scoped.month_number, segments.member_number, scoped.scope_number, scoped.key_number,
        least(sum(scoped.start_arr), sum(scoped.end_arr)) as capped_arr
    from scoped
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on scoped.segment_set = segments.segment_set
    where scoped.family_number is not null
    group by
        scoped.window_months, scoped.month_number, segments.member_number, scoped.scope_number, scoped.key_number,
        scoped.family_number
),

parts as (
    select
        added.window_months, added.month_number, segments.member_number, added.scope_number, added.key_number,
        added.{{ figures | join(', added.') }}
    from added
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on added.segment_set = segments.segment_set

    union all

    select
        window_months, month_number, member_number, scope_number, key_number,
        {% for figure in figures -%}
        {{ 'capped_arr' if figure == 'capped_arr' else 0 }}{{ "," if not loop.last }}
        {% endfor %}
    from families
),

totals as (
    select
        window_months, month_number, member_number, scope_number, key_number,
        {% for figure in figures -%}
        cast(sum({{ figure }}) as {{ 'decimal(18, 2)' if figure.endswith('_arr') else 'bigint' }}) as {{ figure }}
        {{- "," if not loop.last }}
        {% endfor %}
    from parts
    group by window_months, month_number, member_number, scope_number, key_number
),

cells as (
    select
        totals.*,
        segments.dimension,
        segments.segment,
        segments.is_total,
        scopes.scope,
        scopes.scope_key
    from totals
    inner join scopes
        on totals.scope_number = scopes.scope_number
            and totals.key_number = scopes.key_number
    inner join (
        select distinct member_number, dimension, segment, is_total
        from {{ ref('int_company__segment_set_members') }}
    ) as segments
        on totals.member_number = segments.member_number
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
