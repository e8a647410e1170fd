-- Does a feature still send its events, and who is to be asked if not? Every feature of the registry has a row; nothing
-- after the usage watermark counts.
with recent_dates as (
    select cast(unnest(generate_series(usage_watermark - 27, usage_watermark, interval 1 day)) as date) as local_date
    from {{ ref('int_usage__watermarks') }}
),

recent as (
    select activity.feature_key, sum(activity.events) as events_28d
    from {{ ref('int_usage__activity_day') }} as activity
    inner join recent_dates on activity.local_date = recent_dates.local_date
    where activity.feature_key <> ''
    group by activity.feature_key
),

-- the days of every month, up to the watermark
known as (
    select
        months.feature_key,
        months.month_start,
        months.days & case
            when watermarks.usage_watermark - months.month_start >= 31 then 2147483647
            else (cast(1 as bigint) << cast(watermarks.usage_watermark - months.month_start + 1 as bigint)) - 1
        end as days
    from {{ ref('int_usage__feature_month') }} as months
    inner join {{ ref('int_usage__watermarks') }} as watermarks on months.month_start <= watermarks.usage_watermark
),

seen as (
    select feature_key, max(month_start + cast(length(bin(days)) - 1 as integer)) as last_seen
    from known
    where days <> 0
    group by feature_key
)

select
    features.feature_key,
    features.feature_name,
    features.feature_set,
    features.product_line,
    features.launched_on,
    features.owner,
    features.team,
    cast(coalesce(recent.events_28d, 0) as bigint) as events_28d,
    seen.last_seen,
    case
        when seen.last_seen is null then 'never_seen'
        when recent.feature_key is null then 'silent'
        else 'live'
    end as status
from {{ ref('dim_feature') }} as features
left join recent on features.feature_key = recent.feature_key
left join seen on features.feature_key = seen.feature_key
