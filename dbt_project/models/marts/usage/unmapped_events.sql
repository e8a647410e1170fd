-- Event types with events that no feature rule matches: what the registry does not know.
with types as (
    select
        event_type,
        bool_or(is_inactive) as is_inactive,
        sum(events) as all_events,
        sum(unmapped_events) as events,
        min(case when unmapped_events > 0 then local_date end) as first_seen,
        max(case when unmapped_events > 0 then local_date end) as last_seen
    from {{ ref('int_usage__event_type_day') }}
    group by event_type
),

users as (
    select
        event_type,
        count(*) as users
    from {{ ref('int_usage__unmapped_users') }}
    group by event_type
),

totals as (
    select sum(all_events) as all_events
    from types
)

select
    types.event_type,
    types.is_inactive,
    cast(types.events as bigint) as events,
    users.users,
    types.first_seen,
    types.last_seen,
    cast(types.events as double) / nullif(totals.all_events, 0) as share_of_events
from types
inner join users on types.event_type = users.event_type
cross join totals
where types.events > 0
