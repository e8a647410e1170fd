-- What an account used on a local date, at every scope. An event that is use of two features of a set is one event of
-- that set, which is why the scopes are counted from events and not added up from features.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

select
    events.local_date,
    accounts.account_id,
    scopes.scope,
    scopes.scope_key,
    cast(sum(events.events) as bigint) as events
from {{ ref('int_usage__event_day') }} as events
inner join {{ ref('int_usage__account_day') }} as accounts
    on events.local_date = accounts.local_date
        and events.user_key = accounts.user_key
        and events.account_group = accounts.account_group
        and events.account_property = accounts.account_property
inner join {{ ref('int_usage__event_scopes') }} as scopes
    on events.event_type = scopes.event_type
        and events.feature_properties = scopes.feature_properties
where {{ rebuild_predicate('events.local_date', 'activity') }}
    and {{ rebuild_predicate('accounts.local_date', 'activity') }}
    and not accounts.is_left_out
    and not scopes.is_inactive
    and accounts.account_id <> ''
group by events.local_date, accounts.account_id, scopes.scope, scopes.scope_key
order by events.local_date
