-- Events that count, with their account, and whether a feature rule matches them. Internal users and test accounts are
-- gone; inactive event types are still here, and marked.
{{ config(materialized='view') }}

select
    events.local_date,
    events.user_key,
    events.session_id,
    accounts.account_id,
    accounts.reason,
    events.signature_id,
    signatures.event_type,
    signatures.is_inactive,
    signatures.is_mapped,
    events.events
from {{ ref('int_usage__user_event_day') }} as events
inner join {{ ref('int_usage__account_day') }} as accounts
    on events.local_date = accounts.local_date
        and events.user_key = accounts.user_key
        and events.account_group = accounts.account_group
        and events.account_property = accounts.account_property
inner join {{ ref('int_usage__signature_scopes') }} as signatures
    on events.signature_id = signatures.signature_id
        and signatures.scope = 'all'
where not accounts.is_left_out
