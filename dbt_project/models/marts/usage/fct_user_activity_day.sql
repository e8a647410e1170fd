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
        sessions.local_date,
        sessions.user_key,
        count(distinct sessions.session_id) as sessions
    from {{ ref('int_usage__session_day') }} as sessions
    inner join {{ ref('int_usage__account_day') }} as accounts
        on sessions.local_date = accounts.local_date
            and sessions.user_key = accounts.user_key
            and sessions.account_group = accounts.account_group
            and sessions.account_property = accounts.account_property
    where {{ rebuild_predicate('sessions.local_date', 'marts') }}
        and {{ rebuild_predicate('accounts.local_date', 'marts') }}
        and not accounts.is_left_out
    group by sessions.local_date, sessions.user_key
)

select
    activity.local_date,
    activity.user_key,
    nullif(activity.account_id, '') as account_id,
    cast(activity.all_events as bigint) as events,
    coalesce(sessions.sessions, 0) as sessions,
    coalesce(activity.local_date <= watermarks.usage_watermark, false) as is_complete
from activity
left join sessions
    on activity.local_date = sessions.local_date
        and activity.user_key = sessions.user_key
cross join {{ ref('int_usage__watermarks') }} as watermarks
where activity.account_rank = 1
order by activity.local_date
