-- Per date and scope the units that used it on the date, and how many of them did so on each of the 30 following ones:
-- array position 1 is the cohort itself. Totals only.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'followed_until', 'rebuild_layer': 'marts'}
) }}

with numbers as materialized (
    select unit, unit_key, cast(row_number() over () as integer) as unit_no
    from {{ ref('int_usage__first_use') }}
    where scope_no = 0
),

months as (
    select month_start, user_key, account_id, scope_no, days
    from {{ ref('int_usage__known_scope_month') }}
    where {{ cohort_months('day', 'month_start') }}
),

uses as materialized (
    select numbers.unit_no, months.scope_no, months.month_start, bit_or(months.days) as days
    from months
    inner join numbers on numbers.unit = 'user' and months.user_key = numbers.unit_key
    group by numbers.unit_no, months.scope_no, months.month_start

    union all

    select numbers.unit_no, months.scope_no, months.month_start, bit_or(months.days) as days
    from months
    inner join numbers on numbers.unit = 'account' and months.account_id = numbers.unit_key
    group by numbers.unit_no, months.scope_no, months.month_start
),

-- the month and the 30 days after it: those lie in the next month, after January in the one after it too
windows as (
    select unit_no, scope_no, month_start, bit_or(days) as days
    from (
        select unit_no, scope_no, month_start, days
        from uses

        {% for months in (1, 2) -%}
        {%- set earlier = 'cast(' ~ dbt.dateadd('month', -months, 'month_start') ~ ' as date)' %}

        union all

        select
            unit_no, scope_no, {{ earlier }} as month_start,
            (days & ((cast(1 as bigint) << cast(61 - (month_start - {{ earlier }}) as bigint)) - 1))
            << cast(month_start - {{ earlier }} as bigint) as days
        from uses
        where month_start - {{ earlier }} < 61
        {%- endfor %}
    ) as parts
    group by unit_no, scope_no, month_start
),

known as (
    select numbers.unit, windows.scope_no, windows.month_start, windows.days, first_use.first_date
    from {{ ref('int_usage__first_use') }} as first_use
    inner join numbers on first_use.unit = numbers.unit and first_use.unit_key = numbers.unit_key
    inner join windows on numbers.unit_no = windows.unit_no and first_use.scope_no = windows.scope_no
),

followed as (
    select
        known.unit,
        known.scope_no,
        known.month_start + dates.day_no as cohort_start,
        known.month_start + dates.day_no = known.first_date as is_first,
        (known.days >> dates.day_no) & {{ 2 ** 31 - 1 }} as following
    from known
    cross join (select cast(unnest(range(31)) as integer) as day_no) as dates
    where known.days & (cast(1 as bigint) << dates.day_no) <> 0
        and dates.day_no < extract(day from {{ dbt.last_day('known.month_start', 'month') }})
),

counts as (
    select unit, scope_no, cohort_start, is_first, {{ count_following('day') }}
    from followed
    group by unit, scope_no, cohort_start, is_first
),

cohorts as (
    select unit, scope_no, cohort_start, {{ sum_following('day') }}
    from counts
    group by unit, scope_no, cohort_start
)

select
    cohorts.cohort_start,
    {{ cohort_end('day', 'cohorts.cohort_start') }} as followed_until,
    cohorts.unit,
    'all' as dimension,
    'all' as segment,
    true as is_total,
    scopes.scope,
    scopes.scope_key,
    cohorts.first_time,
    cohorts.recurring
from cohorts
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on cohorts.scope_no = scopes.scope_no
where {{ rebuild_predicate('followed_until', 'marts') }}
