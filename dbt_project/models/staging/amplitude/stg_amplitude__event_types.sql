-- The event types in the events at hand and whether they make a user active. Globs are matched here, once per type
-- and not once per event.
{{ config(materialized='table') }}

with event_types as (
    select distinct event_type
    from {{ source('amplitude', 'amplitude_events') }}
)

select
    event_type,
    exists(
        select 1
        from {{ source('company', 'inactive_event_types') }} as inactive
        where event_types.event_type like {{ glob_to_like('inactive.pattern') }} escape '\'
    ) as is_inactive
from event_types
