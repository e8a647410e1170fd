-- Events counted as in int_usage__event_day, with the user they belong to: on the current identity, whatever was known
-- when they happened.
{{ config(materialized='view') }}

select
    events.local_date,
    coalesce(events.user_id, anonymous.user_key) as user_key,
    events.session_id,
    events.account_group,
    events.account_property,
    events.signature_id,
    events.is_internal,
    events.events,
    events.last_occurred_at
from {{ ref('int_usage__event_day') }} as events
-- an event with a user id may find a row here too, and ignores it
left join {{ ref('int_usage__anonymous_day') }} as anonymous
    on events.local_date = anonymous.local_date
        and events.amplitude_id is not distinct from anonymous.amplitude_id
        and events.device_id is not distinct from anonymous.device_id
        and events.device_user_id is not distinct from anonymous.device_user_id
