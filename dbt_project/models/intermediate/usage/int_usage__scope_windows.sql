-- Per month, user, account and scope the days of use as bits: the 27 days before the month, then the month itself (bit
-- 27 is its first day), so that every window that ends in the month is one mask. Nothing after the watermark. The month
-- after the watermark's appears where the watermark's week ends in it.
{{ config(materialized='view') }}
{% set next_month = "cast(" ~ dbt.dateadd('month', 1, 'days.month_start') ~ " as date)" %}

with bounds as (
    select
        watermarks.usage_watermark,
        {{ week_start('watermarks.usage_watermark', 'settings.week_starts_on') }} + 6 as last_week_end
    from {{ ref('int_usage__watermarks') }} as watermarks
    cross join {{ ref('stg_company__settings') }} as settings
),

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
    inner join bounds on {{ next_month }} <= greatest(bounds.usage_watermark, bounds.last_week_end)
)

select
    windows.month_start,
    windows.user_key,
    windows.account_id,
    scopes.scope_no,
    bit_or(windows.days) as days
from windows
inner join {{ ref('int_usage__feature_scopes') }} as scopes on windows.feature_key = scopes.feature_key
where windows.days <> 0
group by windows.month_start, windows.user_key, windows.account_id, scopes.scope_no
