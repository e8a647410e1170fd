-- The identities that events carry, per local date: user id, Amplitude id and device together, and for anonymous events
-- the user known before them on the device that date. Small beside the events; identity is resolved from it alone.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'events'}
) }}

select
    local_date,
    user_id,
    amplitude_id,
    device_id,
    device_user_id,
    cast(sum(events) as bigint) as events,
    min(first_occurred_at) as first_occurred_at,
    max(last_occurred_at) as last_occurred_at
from {{ ref('int_usage__event_day') }}
where {{ rebuild_predicate('local_date', 'events') }}
group by local_date, user_id, amplitude_id, device_id, device_user_id
order by local_date
