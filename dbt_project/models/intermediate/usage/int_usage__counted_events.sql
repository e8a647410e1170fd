-- Events per date, user, account and scope they are use of: a row per scope, so filter on one before adding up. Internal
-- users and test accounts are gone, inactive event types are still here.
{{ config(materialized='view') }}

select
    events.local_date,
    events.user_key,
    accounts.account_id,
    accounts.reason,
    events.event_type,
    scopes.scope,
    scopes.scope_key,
    scopes.is_inactive,
    scopes.is_mapped,
    events.events
from {{ ref('int_usage__event_day') }} as events
inner join {{ ref('int_usage__account_day') }} as accounts
    on events.local_date = accounts.local_date
        and events.user_key = accounts.user_key
        and events.account_group = accounts.account_group
        and events.account_property = accounts.account_property
inner join {{ ref('int_usage__event_scopes') }} as scopes
    on events.event_type = scopes.event_type
        and events.feature_properties = scopes.feature_properties
where not accounts.is_left_out
