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

{# The periods of a month in use, from its days: bit 0 is the period that holds its first day, which is so many days
   into that period. #}
{% macro periods_in_use(grain, days, days_before) -%}
    {%- if grain == 'day' -%}
        {{ days }}
    {%- elif grain == 'month' -%}
        cast(1 as bigint)
    {%- else -%}
        {%- for week in range(6) -%}
            (cast(({{ days }} << {{ days_before }}) & {{ 127 * 2 ** (7 * week) }} <> 0 as bigint) << {{ week }})
            {{- ' | ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The 25 to 31 bits of `following` are counted three at a time, in lanes of 21 bits of one number. Groups hold a block of
   2^20 units at most, so no lane runs over into the next. #}
{% macro lanes(grain) -%}{{- return((cohort_lengths()[grain] + 3) // 3) -}}{%- endmacro %}

{% macro count_block(unit_no) -%}{{ unit_no }} // {{ 2 ** 20 }}{%- endmacro %}

{% macro into_lanes(grain, following) -%}
    {%- set width = lanes(grain) -%}
    {%- set mask = 2 ** width - 1 -%}
    ({{ following }} & {{ mask }})
    | (({{ following }} >> {{ width }} & {{ mask }}) << 21)
    | (({{ following }} >> {{ 2 * width }} & {{ mask }}) << 42)
{%- endmacro %}

{% macro count_lanes(grain) -%}
    {%- for n in range(lanes(grain)) -%}
        cast(sum(lanes >> {{ n }} & {{ 1 + 2 ** 21 + 2 ** 42 }}) as bigint) as lanes_{{ n }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro sum_lanes(grain) -%}
    {%- for n in range(lanes(grain)) -%}
        cast(sum(lanes_{{ n }}) as bigint) as lanes_{{ n }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Two arrays by number of periods later: of the units whose first use ever it was, and of all. #}
{% macro counts_by_period(grain) -%}
    {%- set width = lanes(grain) -%}
    {%- for name, filter in [('first_time', ' filter (where is_first)'), ('recurring', '')] -%}
    cast([
        {%- for n in range(cohort_lengths()[grain] + 1) -%}
            coalesce(sum(lanes_{{ n % width }} >> {{ n // width * 21 }} & {{ 2 ** 21 - 1 }}){{ filter }}, 0)
            {{- ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# CTEs up to `windows`: for every unit and scope the periods in use as bits, in chunks of a month of days or of 32 weeks
   or months, each with the periods that follow its last one; `first_position` is that of the first use ever. #}
{% macro cohort_windows(grain) %}
{% set period_start = 'local_date' if grain == 'day' else grain ~ '_start' %}
{% set length, chunk = cohort_lengths()[grain], 31 if grain == 'day' else 32 %}
numbered as (
    select
        local_date, month_start, {{ period_start }} as cohort_start,
        cast(dense_rank() over (order by {{ period_start }}) as integer) as period_no
    from {{ ref('int_usage__calendar') }}
),

calendar as (
    select
        *,
        {{ 'min(period_no) over (partition by month_start)' if grain == 'day' else 'period_no // 32 * 32' }} as chunk_start
    from numbered
),

months as (
    select month_start, min(period_no) as first_period, month_start - min(cohort_start) as days_before
    from calendar
    group by month_start
),

-- where the periods of a month are found: in its own chunk, at the end of the one before, perhaps in the next
places as (
    select months.month_start, months.days_before, chunks.chunk_start, months.first_period - chunks.chunk_start as shift
    from months
    inner join (select distinct chunk_start from calendar) as chunks
        on months.first_period - chunks.chunk_start between {{ -5 if grain == 'week' else 0 }} and {{ chunk + length - 1 }}
),

-- every unit has used something: scope 0 is any use; numbers of accounts are negative
numbers as materialized (
    select
        unit, unit_key,
        cast(row_number() over () * case when unit = 'user' then 1 else -1 end as integer) as unit_no
    from {{ ref('int_usage__first_use') }}
    where scope_no = 0
),

known_uses as (
    select month_start, user_key, account_id, scope_no, days
    from {{ ref('int_usage__known_scope_month') }}
    where {{ cohort_months(grain, 'month_start') }} and days <> 0
),

uses as materialized (
    select numbers.unit_no, known_uses.scope_no, known_uses.month_start, known_uses.account_id, known_uses.days
    from known_uses
    inner join numbers on numbers.unit = 'user' and known_uses.user_key = numbers.unit_key

    union all

    select numbers.unit_no, accounts.scope_no, accounts.month_start, accounts.account_id, accounts.days
    from (
        select account_id, scope_no, month_start, bit_or(days) as days
        from known_uses
        where account_id <> ''
        group by account_id, scope_no, month_start
    ) as accounts
    inner join numbers on numbers.unit = 'account' and accounts.account_id = numbers.unit_key
),

placed as (
    select
        uses.unit_no, uses.scope_no, places.chunk_start, places.shift,
        {{ periods_in_use(grain, 'uses.days', 'places.days_before') }} as bits
    from uses
    inner join places on uses.month_start = places.month_start
),

windows as (
    select unit_no, scope_no, chunk_start, bit_or(bits) as bits, max(first_position) as first_position
    from (
        select
            unit_no, scope_no, chunk_start, cast(null as integer) as first_position,
            case
                when shift < 0 then bits >> -shift
                else (bits & ((cast(1 as bigint) << ({{ chunk + length }} - shift)) - 1)) << shift
            end as bits
        from placed

        union all

        select numbers.unit_no, first_use.scope_no, calendar.chunk_start, calendar.period_no - calendar.chunk_start, 0
        from {{ ref('int_usage__first_use') }} as first_use
        inner join numbers on first_use.unit = numbers.unit and first_use.unit_key = numbers.unit_key
        inner join calendar on first_use.first_date = calendar.local_date
        where {{ cohort_months(grain, 'calendar.month_start') }}
    ) as parts
    group by unit_no, scope_no, chunk_start
),

-- one row per unit, scope and period in use
followed as (
    select
        windows.unit_no,
        windows.scope_no,
        periods.cohort_start,
        coalesce(periods.position = windows.first_position, false) as is_first,
        {{ into_lanes(grain, '(windows.bits >> periods.position)') }} as lanes
    from windows
    inner join (select distinct cohort_start, chunk_start, period_no - chunk_start as position from calendar) as periods
        on windows.chunk_start = periods.chunk_start
    where windows.bits >> periods.position & 1 = 1
)
{% endmacro %}

{# The same counts with the names that are published. #}
{% macro cohort_rows(grain) %}
select
    cohorts.cohort_start,
    {{ cohort_end(grain, 'cohorts.cohort_start') }} as followed_until,
    case when cohorts.is_user then 'user' else 'account' end as unit,
    cohorts.dimension,
    cohorts.segment,
    cohorts.is_total,
    scopes.scope,
    scopes.scope_key,
    cohorts.first_time,
    cohorts.recurring
from cohorts
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on cohorts.scope_no = scopes.scope_no
where {{ rebuild_predicate('followed_until', 'marts') }}
{% endmacro %}

{# Cohorts of weeks and of months, alike but for the calendar. #}
{% macro cohorts_by_segment(grain) %}
{% set segment = 'dimension, segment, is_total' %}
with {{ cohort_windows(grain) }},

members as (
    select segment_set, cast(dense_rank() over (order by {{ segment }}) as integer) as segment_no, {{ segment }}
    from {{ ref('int_usage__segment_set_members') }}
),

any_use as (
    select uses.unit_no, uses.month_start, calendar.cohort_start, sets.segment_set
    from (select unit_no, month_start, account_id, days from uses where scope_no = 0) as uses
    inner join calendar
        on uses.month_start = calendar.month_start
            and uses.days >> cast(calendar.local_date - calendar.month_start as bigint) & 1 = 1
    inner join {{ ref('int_usage__segment_sets') }} as sets
        on uses.account_id = sets.account_id
            and calendar.local_date >= sets.valid_from
            and calendar.local_date < sets.valid_to
),

homes as (
    select unit_no, cohort_start, min(segment_set) as segment_set, min(segment_set) < max(segment_set) as is_mixed
    from any_use
    group by unit_no, cohort_start
),

-- who was in several combinations within a period, or used something for several accounts, is looked at use by use
mixed_uses as materialized (
    select unit_no, scope_no, month_start, account_id, days
    from uses
    semi join (
        select any_use.unit_no, any_use.month_start
        from any_use
        inner join homes using (unit_no, cohort_start)
        where homes.is_mixed
    ) as mixed using (unit_no, month_start)
),

mixed as (
    select
        uses.unit_no, uses.scope_no, calendar.cohort_start, sets.segment_set,
        rank() over (
            partition by uses.unit_no, uses.scope_no, calendar.cohort_start order by calendar.local_date
        ) as entry_rank
    from mixed_uses as uses
    inner join calendar
        on uses.month_start = calendar.month_start
            and uses.days >> cast(calendar.local_date - calendar.month_start as bigint) & 1 = 1
    inner join homes
        on uses.unit_no = homes.unit_no
            and calendar.cohort_start = homes.cohort_start
            and homes.is_mixed
    inner join {{ ref('int_usage__segment_sets') }} as sets
        on uses.account_id = sets.account_id
            and calendar.local_date >= sets.valid_from
            and calendar.local_date < sets.valid_to
),

-- combinations have segments in common, at least the total: a unit counts once in each
entered as (
    select distinct mixed.unit_no, mixed.scope_no, mixed.cohort_start, members.segment_no
    from mixed
    inner join members on mixed.segment_set = members.segment_set
    where mixed.entry_rank = 1
),

by_set as (
    select
        {{ count_block('followed.unit_no') }} as block_no, followed.unit_no > 0 as is_user, followed.scope_no,
        followed.cohort_start, followed.is_first, homes.segment_set, {{ count_lanes(grain) }}
    from followed
    inner join homes using (unit_no, cohort_start)
    where not homes.is_mixed
    group by block_no, is_user, followed.scope_no, followed.cohort_start, followed.is_first, homes.segment_set
),

by_segment as (
    select by_set.* exclude (segment_set), members.segment_no
    from by_set
    inner join members on by_set.segment_set = members.segment_set

    union all by name

    select
        {{ count_block('followed.unit_no') }} as block_no, followed.unit_no > 0 as is_user, followed.scope_no,
        followed.cohort_start, followed.is_first, entered.segment_no, {{ count_lanes(grain) }}
    from followed
    inner join entered using (unit_no, scope_no, cohort_start)
    group by block_no, is_user, followed.scope_no, followed.cohort_start, followed.is_first, entered.segment_no
),

blocks as (
    select block_no, is_user, scope_no, cohort_start, is_first, segment_no, {{ sum_lanes(grain) }}
    from by_segment
    group by block_no, is_user, scope_no, cohort_start, is_first, segment_no
),

counts as (
    select is_user, scope_no, cohort_start, segment_no, {{ counts_by_period(grain) }}
    from blocks
    group by is_user, scope_no, cohort_start, segment_no
),

cohorts as (
    select counts.* exclude (segment_no), names.* exclude (segment_no)
    from counts
    inner join (select distinct segment_no, {{ segment }} from members) as names on counts.segment_no = names.segment_no
)
{{ cohort_rows(grain) }}
{% endmacro %}
