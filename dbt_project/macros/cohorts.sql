{# Cohorts are followed over so many periods after their own. #}
{% macro cohort_lengths() %}
    {{- return({'day': 30, 'week': 26, 'month': 24}) -}}
{%- endmacro %}

{# The last date on which a cohort is looked at: it is counted again while that lies among the redone dates. #}
{% macro cohort_end(grain, cohort_start) -%}
    {%- set length = cohort_lengths()[grain] -%}
    {%- if grain == 'month' -%}
        {{ dbt.last_day(dbt.dateadd('month', length, cohort_start), 'month') }}
    {%- else -%}
        {{ cohort_start }} + {{ (length + 1) * 7 - 1 if grain == 'week' else length }}
    {%- endif -%}
{%- endmacro %}

{# The months to read for such cohorts; a literal, like every date that tells the engine what to skip. #}
{% macro cohort_months(grain, column) -%}
    {%- if execute and not is_incremental() -%}{{- return('true') -}}{%- endif -%}
    {%- set days = {'day': 31, 'week': 27 * 7, 'month': 25 * 31}[grain] -%}
    {{- return(column ~ " >= " ~ dbt.date_trunc('month', rebuild_start('marts') ~ " - " ~ days)) -}}
{%- endmacro %}

{# The columns n0, n1, …: units that used the scope in each of the periods; bit 0 of `following` is the cohort's own. #}
{% macro count_following(grain) -%}
    {%- for n in range(cohort_lengths()[grain] + 1) -%}
        count_if((following & {{ 2 ** n }}) <> 0) as n{{ n }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Those columns added up: one array for the units whose first use ever it was, one for all. #}
{% macro sum_following(grain) -%}
    {%- for name, filter in [('first_time', ' filter (where is_first)'), ('recurring', '')] -%}
    cast([
        {%- for n in range(cohort_lengths()[grain] + 1) -%}
            coalesce(sum(n{{ n }}){{ filter }}, 0){{ ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Cohorts of weeks and of months, alike but for the calendar: for every unit and scope the periods in use, the segments
   it entered each of them in, and the periods that follow as bits; then the counts. #}
{% macro cohorts_by_segment(grain) %}
{% set length, period_start = cohort_lengths()[grain], grain ~ '_start' %}
{% set segment = 'dimension, segment, is_total' %}
with calendar as (
    select
        local_date, month_start, day_no, {{ period_start }} as cohort_start,
        dense_rank() over (order by {{ period_start }}) as period_no
    from {{ ref('int_usage__calendar') }}
),

-- the days of a period as bits of its months
period_days as (
    select month_start, period_no, bit_or(cast(1 as bigint) << (day_no - 1)) as bits
    from calendar
    group by month_start, period_no
),

-- every unit has used something: scope 0 is any use
numbers as materialized (
    select unit, unit_key, cast(row_number() over () as integer) as unit_no
    from {{ ref('int_usage__first_use') }}
    where scope_no = 0
),

periods as materialized (
    select
        numbers.unit_no, uses.scope_no, uses.segment_set, period_days.period_no,
        min(uses.month_start + cast(bit_count((uses.days & period_days.bits & -(uses.days & period_days.bits)) - 1) as integer))
            as first_date
    from {{ ref('int_usage__cohort_uses') }} as uses
    inner join numbers on uses.unit = numbers.unit and uses.unit_key = numbers.unit_key
    inner join period_days on uses.month_start = period_days.month_start
    where uses.days & period_days.bits <> 0
        and {{ cohort_months(grain, 'uses.month_start') }}
    group by numbers.unit_no, uses.scope_no, uses.segment_set, period_days.period_no
),

-- who was always in one combination of segments needs no look at which came first
movers as (
    select unit_no
    from periods
    where scope_no = 0
    group by unit_no
    having min(segment_set) < max(segment_set)
),

-- the combination of the entry date; several where a user entered with several accounts
moved as (
    select unit_no, scope_no, period_no, segment_set
    from periods
    semi join movers using (unit_no)
    qualify first_date = min(first_date) over (partition by unit_no, scope_no, period_no)
),

entries as (
    select unit_no, scope_no, period_no, segment_set, false as is_shared
    from periods
    anti join movers using (unit_no)

    union all

    select
        unit_no, scope_no, period_no, segment_set,
        count(*) over (partition by unit_no, scope_no, period_no) > 1 as is_shared
    from moved
),

-- the periods in use, 32 to a number
chunks as (
    select unit_no, scope_no, period_no // 32 as chunk_no, bit_or(cast(1 as bigint) << (period_no % 32)) as bits
    from periods
    group by unit_no, scope_no, period_no // 32
),

-- and those at the beginning of the next number: what follows a period is then one mask
windows as (
    select unit_no, scope_no, chunk_no, bit_or(bits) as bits
    from (
        select unit_no, scope_no, chunk_no, bits
        from chunks

        union all

        select unit_no, scope_no, chunk_no - 1 as chunk_no, (bits & {{ 2 ** length - 1 }}) << 32 as bits
        from chunks
    ) as halves
    group by unit_no, scope_no, chunk_no
),

known as (
    select
        windows.unit_no, windows.scope_no, windows.chunk_no, windows.bits,
        numbers.unit, calendar.period_no as first_period
    from {{ ref('int_usage__first_use') }} as first_use
    inner join numbers on first_use.unit = numbers.unit and first_use.unit_key = numbers.unit_key
    inner join calendar on first_use.first_date = calendar.local_date
    inner join windows on numbers.unit_no = windows.unit_no and first_use.scope_no = windows.scope_no
),

followed as (
    select
        known.unit, entries.unit_no, entries.scope_no, entries.period_no, entries.segment_set, entries.is_shared,
        entries.period_no = known.first_period as is_first,
        (known.bits >> (entries.period_no % 32)) & {{ 2 ** (length + 1) - 1 }} as following
    from entries
    inner join known
        on entries.unit_no = known.unit_no
            and entries.scope_no = known.scope_no
            and entries.period_no // 32 = known.chunk_no
),

by_set as (
    select unit, scope_no, period_no, segment_set, is_first, {{ count_following(grain) }}
    from followed
    where not is_shared
    group by unit, scope_no, period_no, segment_set, is_first
),

-- combinations have segments in common, at least the total: a unit counts once in each
shared as (
    select distinct unit, unit_no, scope_no, period_no, {{ segment }}, is_first, following
    from followed
    inner join {{ ref('int_usage__segment_set_members') }} as members using (segment_set)
    where is_shared
),

counts as (
    select {{ segment }}, by_set.* exclude (segment_set)
    from by_set
    inner join {{ ref('int_usage__segment_set_members') }} as members using (segment_set)

    union all

    select {{ segment }}, unit, scope_no, period_no, is_first, {{ count_following(grain) }}
    from shared
    group by unit, scope_no, period_no, {{ segment }}, is_first
),

cohorts as (
    select unit, scope_no, period_no, {{ segment }}, {{ sum_following(grain) }}
    from counts
    group by unit, scope_no, period_no, {{ segment }}
)

select
    starts.cohort_start,
    {{ cohort_end(grain, 'starts.cohort_start') }} as followed_until,
    cohorts.unit,
    {{ segment }},
    scopes.scope,
    scopes.scope_key,
    cohorts.first_time,
    cohorts.recurring
from cohorts
inner join (select distinct period_no, cohort_start from calendar) as starts on cohorts.period_no = starts.period_no
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on cohorts.scope_no = scopes.scope_no
where {{ rebuild_predicate('followed_until', 'marts') }}
{% endmacro %}
