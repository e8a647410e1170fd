-- Per unit, segment and scope: for every date of a month, the units active on it, in the 7 and in the 28 days that end
-- on it, as three arrays; and the units active in the month. Counted on bits: 27 days of the month before, then the
-- month (bit 27 is its first day), so that each window is one mask and each unit is looked at once a month.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'marts', 'rebuild_truncate': 'month'}
) }}
{% set key = 'dimension, segment, is_total, scope, scope_key' %}
{% set next_month = "cast(" ~ dbt.dateadd('month', 1, 'days.month_start') ~ " as date)" %}

with bounds as (
    select
        watermarks.usage_watermark,
        -- the week of the watermark may end in the next month
        cast({{ dbt.date_trunc('month', week_start('watermarks.usage_watermark', 'settings.week_starts_on') ~ ' + 6') }} as date)
            as last_week_month_start
    from {{ ref('int_usage__watermarks') }} as watermarks
    cross join {{ ref('stg_company__settings') }} as settings
),

-- nothing after the watermark
known_days as (
    select
        days.month_start,
        days.user_key,
        days.account_id,
        days.feature_key,
        days.days & case
            when bounds.usage_watermark - days.month_start >= 31 then 2147483647
            else (cast(1 as bigint) << cast(bounds.usage_watermark - days.month_start + 1 as bigint)) - 1
        end as days
    from {{ ref('int_usage__user_month') }} as days
    inner join bounds on days.month_start <= bounds.usage_watermark
    where {{ rebuild_predicate(dbt.dateadd('month', 1, 'days.month_start'), 'marts', truncate='month') }}
),

windows as (
    select month_start, user_key, account_id, feature_key, days << 27 as days
    from known_days

    union all

    -- the last 27 days of a month are the look-back of the next one
    select
        {{ next_month }} as month_start,
        days.user_key,
        days.account_id,
        days.feature_key,
        days.days >> cast({{ next_month }} - days.month_start - 27 as bigint) as days
    from known_days as days
    inner join bounds on {{ next_month }} <= greatest(bounds.usage_watermark, bounds.last_week_month_start)
),

scoped as (
    select
        windows.month_start, windows.user_key, windows.account_id, scopes.scope, scopes.scope_key,
        bit_or(windows.days) as days
    from windows
    inner join {{ ref('int_usage__feature_scopes') }} as scopes on windows.feature_key = scopes.feature_key
    where windows.days <> 0
        and {{ rebuild_predicate('windows.month_start', 'marts', truncate='month') }}
    group by windows.month_start, windows.user_key, windows.account_id, scopes.scope, scopes.scope_key
),

-- an event belongs to the segment its account was in on that date: the bits of the days in a segment
segments as (
    select account_id, {{ key.split(', scope')[0] }}, valid_from, valid_to
    from {{ ref('int_company__account_segments') }}

    union all

    select '', dimension, 'unassigned', false, date '0001-01-01', date '9999-12-31'
    from {{ ref('stg_company__lens_dimensions') }}

    union all

    select '', 'all', 'all', true, date '0001-01-01', date '9999-12-31'
),

segment_days as (
    select
        months.month_start, segments.account_id, segments.dimension, segments.segment, segments.is_total,
        bit_or(
            (cast(1 as bigint) << cast(least(greatest(segments.valid_to - (months.month_start - 27), 0), 58) as bigint))
            - (cast(1 as bigint) << cast(least(greatest(segments.valid_from - (months.month_start - 27), 0), 58) as bigint))
        ) as days
    from segments
    cross join (select distinct month_start from scoped) as months
    where segments.valid_to > months.month_start - 27
        and segments.valid_from < months.month_start + 31
    group by months.month_start, segments.account_id, segments.dimension, segments.segment, segments.is_total
),

users as (
    select scoped.month_start, {{ key }}, bit_or(scoped.days & segment_days.days) as days
    from scoped
    inner join segment_days using (month_start, account_id)
    group by scoped.month_start, scoped.user_key, {{ key }}
),

accounts as (
    select scoped.month_start, {{ key }}, bit_or(scoped.days & segment_days.days) as days
    from scoped
    inner join segment_days using (month_start, account_id)
    where scoped.account_id <> ''
    group by scoped.month_start, scoped.account_id, {{ key }}
),

units as (
    select 'user' as unit, month_start, {{ key }}, days from users where days <> 0
    union all
    select 'account' as unit, month_start, {{ key }}, days from accounts where days <> 0
)

select
    month_start,
    unit,
    {{ key }},
    cast([{% for day in range(31) %}count_if((days & {{ 2 ** (day + 27) }}) <> 0){{ ', ' if not loop.last }}{% endfor %}] as bigint[])
        as active,
    cast([{% for day in range(31) %}count_if((days & {{ (2 ** 7 - 1) * 2 ** (day + 21) }}) <> 0){{ ', ' if not loop.last }}{% endfor %}] as bigint[])
        as rolling_7d,
    cast([{% for day in range(31) %}count_if((days & {{ (2 ** 28 - 1) * 2 ** day }}) <> 0){{ ', ' if not loop.last }}{% endfor %}] as bigint[])
        as rolling_28d,
    cast(count_if((days & {{ (2 ** 31 - 1) * 2 ** 27 }}) <> 0) as bigint) as active_in_month,
    bit_or(days) as days
from units
group by month_start, unit, {{ key }}
