-- Per unit, segment and scope: for every date of a month, the units active on it, in the 7 and in the 28 days that end
-- on it, as three arrays; the units active in the month, by their number of days; and those that were active in the
-- period before too, by date, by the weeks that end in the month, and for the month. Every unit is looked at once a
-- month and segment, whatever the number of dates and windows.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'marts', 'rebuild_truncate': 'month'}
) }}
{% set segment = 'dimension, segment, is_total' %}
{% set in_month = (2 ** 31 - 1) * 2 ** 27 %}

with windows as (
    select *
    from {{ ref('int_usage__scope_windows') }}
    where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
),

months as (
    select
        months.month_start,
        cast({{ dbt.dateadd('month', -1, 'months.month_start') }} as date) as month_before,
        {{ week_start('months.month_start', 'settings.week_starts_on') }} + 6 - months.month_start as first_week_end
    from (select distinct month_start from windows) as months
    cross join {{ ref('stg_company__settings') }} as settings
),

segments as (
    select account_id, {{ segment }}, valid_from, valid_to
    from {{ ref('int_company__account_segments') }}

    union all

    select '', dimension, 'unassigned', false, date '0001-01-01', date '9999-12-31'
    from {{ ref('stg_company__lens_dimensions') }}

    union all

    select '', 'all', 'all', true, date '0001-01-01', date '9999-12-31'
),

numbered as (
    select *, dense_rank() over (order by {{ segment }}) as segment_no
    from segments
),

-- an event belongs to the segment its account was in on that date: the bits of the days in a segment
segment_days as (
    select
        months.month_start, months.first_week_end, numbered.account_id, numbered.segment_no,
        bit_or({{ date_bits('numbered.valid_from', 'numbered.valid_to', 'months.month_start - 27', 58) }}) as bits,
        bit_or({{ date_bits('numbered.valid_from', 'numbered.valid_to', 'months.month_before', 31) }}) as bits_before
    from numbered
    inner join months
        on numbered.valid_to > months.month_before
            and numbered.valid_from < months.month_start + 31
    group by months.month_start, months.first_week_end, numbered.account_id, numbered.segment_no
),

-- users of several accounts may be in a segment with more than one of them
wanderers as (
    select month_start, user_key
    from windows
    where scope_no = 0
    group by month_start, user_key
    having count(*) > 1
),

accounts as (
    select month_start, account_id, scope_no, bit_or(days) as days, bit_or(days_before) as days_before
    from windows
    where account_id <> ''
    group by month_start, account_id, scope_no
),

units as (
    select
        'user' as unit, month_start, first_week_end, segment_no, scope_no,
        days & bits as days, days_before & bits_before as days_before
    from windows
    anti join wanderers using (month_start, user_key)
    inner join segment_days using (month_start, account_id)

    union all

    select
        'user' as unit, month_start, first_week_end, segment_no, scope_no,
        bit_or(days & bits) as days, bit_or(days_before & bits_before) as days_before
    from windows
    semi join wanderers using (month_start, user_key)
    inner join segment_days using (month_start, account_id)
    group by month_start, first_week_end, user_key, segment_no, scope_no

    union all

    select
        'account' as unit, month_start, first_week_end, segment_no, scope_no,
        days & bits as days, days_before & bits_before as days_before
    from accounts
    inner join segment_days using (month_start, account_id)
),

-- in order, so that the counts of a group stay at hand while its rows come by
ordered as (
    select *
    from units
    where days <> 0
    order by month_start, scope_no, segment_no
),

counts as (
    select
        month_start,
        unit,
        segment_no,
        scope_no,
        {{ count_windows('active', 1) }},
        {{ count_windows('rolling_7d', 7) }},
        {{ count_windows('rolling_28d', 28) }},
        {{ count_returning('returning_on_day', 1, 31) }},
        {{ count_returning('returning_in_week', 7, 5, 'first_week_end') }},
        cast(count_if((days & {{ in_month }}) <> 0 and days_before <> 0) as bigint) as returning_in_month,
        cast(count_if((days & {{ in_month }}) <> 0) as bigint) as active_in_month,
        histogram(bit_count(days & {{ in_month }})) as units_by_days,
        bit_or(days) as days
    from ordered
    group by month_start, unit, segment_no, scope_no
)

select
    counts.month_start, counts.unit, {{ segment }}, scopes.scope, scopes.scope_key,
    counts.active, counts.rolling_7d, counts.rolling_28d,
    counts.active_in_month, counts.units_by_days, counts.returning_on_day, counts.returning_in_week, counts.returning_in_month,
    counts.days
from counts
inner join (select distinct segment_no, {{ segment }} from numbered) as segments
    on counts.segment_no = segments.segment_no
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on counts.scope_no = scopes.scope_no
