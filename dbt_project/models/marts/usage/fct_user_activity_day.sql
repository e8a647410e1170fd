-- A user's activity on a local date, over all accounts. A user of several accounts is shown under the one with most
-- events that day.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'marts'}
) }}

with activity as (
    select
        local_date,
        user_key,
        account_id,
        events,
        sum(events) over (partition by local_date, user_key) as all_events,
        row_number() over (
            partition by local_date, user_key
            order by case when account_id = '' then 1 else 0 end, events desc, account_id
        ) as account_rank
    from {{ ref('int_usage__activity_day') }}
    where {{ rebuild_predicate('local_date', 'marts') }}
        and feature_key = ''
),

sessions as (
    select
        local_date,
        user_key,
        count(distinct session_id) as sessions
    from {{ ref('int_usage__counted_events') }}
    where {{ rebuild_predicate('local_date', 'marts') }}
        and not is_inactive
    group by local_date, user_key
)

select
    activity.local_date,
    activity.user_key,
    nullif(activity.account_id, '') as account_id,
    cast(activity.all_events as bigint) as events,
    sessions.sessions,
    coalesce(activity.local_date <= watermarks.usage_watermark, false) as is_complete
from activity
inner join sessions
    on activity.local_date = sessions.local_date
        and activity.user_key = sessions.user_key
cross join {{ ref('int_usage__watermarks') }} as watermarks
where activity.account_rank = 1
order by activity.local_date
