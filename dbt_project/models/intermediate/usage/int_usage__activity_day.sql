-- The core that every usage mart reads: who used what, for which account, on which local date. Internal users, test
-- accounts and inactive event types are gone. feature_key '' is any active event, mapped or not; account_id '' is an
-- event that no account could be found for.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

select
    events.local_date,
    events.user_key,
    accounts.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end as feature_key,
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
    and scopes.scope in ('all', 'feature')
group by
    events.local_date,
    events.user_key,
    accounts.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end
order by events.local_date
