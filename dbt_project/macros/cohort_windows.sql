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
