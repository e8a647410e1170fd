-- Per month, user, account and scope the days of use as bits: the 27 days before the month, then the month itself (bit
-- 27 is its first day), so that every window that ends in the month is one mask; and the days of the month before (bit
-- 0 is its first day). Nothing after the watermark. The month after the watermark's appears where the watermark's week
-- ends in it.
{{ config(materialized='view') }}
{% set next_month = "cast(" ~ dbt.dateadd('month', 1, 'days.month_start') ~ " as date)" %}

with bounds as (
    select
        watermarks.usage_watermark,
        {{ week_start('watermarks.usage_watermark', 'settings.week_starts_on') }} + 6 as last_week_end
    from {{ ref('int_usage__watermarks') }} as watermarks
    cross join {{ ref('stg_company__settings') }} as settings
),

windows as (
    select month_start, user_key, account_id, scope_no, days << 27 as days, 0 as days_before
    from {{ ref('int_usage__known_scope_month') }}

    union all

    -- the last 27 days of a month are the look-back of the next one
    select
        {{ next_month }} as month_start,
        days.user_key,
        days.account_id,
        days.scope_no,
        days.days >> cast({{ next_month }} - days.month_start - 27 as bigint) as days,
        days.days as days_before
    from {{ ref('int_usage__known_scope_month') }} as days
    inner join bounds on {{ next_month }} <= greatest(bounds.usage_watermark, bounds.last_week_end)
)

select
    month_start,
    user_key,
    account_id,
    scope_no,
    bit_or(days) as days,
    bit_or(days_before) as days_before
from windows
where days <> 0 or days_before <> 0
group by month_start, user_key, account_id, scope_no
