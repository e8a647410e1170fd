-- Per unit, segment and scope: for every date of a month, the units active on it, in the 7 and in the 28 days that end
-- on it, as three arrays; and the units active in the month. Every unit is looked at once a month and segment, whatever
-- the number of dates and windows.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'marts', 'rebuild_truncate': 'month'}
) }}
{% set segment = 'dimension, segment, is_total' %}

with windows as (
    select *
    from {{ ref('int_usage__scope_windows') }}
    where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
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
        months.month_start, numbered.account_id, numbered.segment_no,
        bit_or(
            (cast(1 as bigint) << cast(least(greatest(numbered.valid_to - (months.month_start - 27), 0), 58) as bigint))
            - (cast(1 as bigint) << cast(least(greatest(numbered.valid_from - (months.month_start - 27), 0), 58) as bigint))
        ) as bits
    from numbered
    cross join (select distinct month_start from windows) as months
    where numbered.valid_to > months.month_start - 27
        and numbered.valid_from < months.month_start + 31
    group by months.month_start, numbered.account_id, numbered.segment_no
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
    select month_start, account_id, scope_no, bit_or(days) as days
    from windows
    where account_id <> ''
    group by month_start, account_id, scope_no
),

units as (
    select 'user' as unit, windows.month_start, segment_no, scope_no, windows.days & segment_days.bits as days
    from windows
    anti join wanderers using (month_start, user_key)
    inner join segment_days using (month_start, account_id)

    union all

    select 'user' as unit, windows.month_start, segment_no, scope_no, bit_or(windows.days & segment_days.bits) as days
    from windows
    semi join wanderers using (month_start, user_key)
    inner join segment_days using (month_start, account_id)
    group by windows.month_start, windows.user_key, segment_no, scope_no

    union all

    select 'account' as unit, accounts.month_start, segment_no, scope_no, accounts.days & segment_days.bits as days
    from accounts
    inner join segment_days using (month_start, account_id)
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
        cast(count_if((days & {{ (2 ** 31 - 1) * 2 ** 27 }}) <> 0) as bigint) as active_in_month,
        bit_or(days) as days
    from units
    where days <> 0
    group by month_start, unit, segment_no, scope_no
)

select
    counts.month_start,
    counts.unit,
    {{ segment }},
    scopes.scope,
    scopes.scope_key,
    counts.active,
    counts.rolling_7d,
    counts.rolling_28d,
    counts.active_in_month,
    counts.days
from counts
inner join (select distinct segment_no, {{ segment }} from numbered) as segments
    on counts.segment_no = segments.segment_no
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on counts.scope_no = scopes.scope_no
