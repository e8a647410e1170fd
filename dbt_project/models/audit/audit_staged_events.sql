-- One row: the events that the ledger calls staged against those that the daily core counts. Days of upload and local
-- dates differ, so only the sums over everything can be compared; internal users and inactive events are in both.
with ledger as (
    select cast(sum(coalesce(staged, 0)) as bigint) as staged_events
    from {{ source('amplitude', 'amplitude_hours') }}
),

core as (
    select cast(sum(events) as bigint) as counted_events
    from {{ ref('int_usage__event_day') }}
)

select
    'all upload hours' as subject,
    true as is_configured,
    coalesce(ledger.staged_events, 0) > 0 as has_data,
    ledger.staged_events,
    coalesce(core.counted_events, 0) as counted_events,
    ledger.staged_events - coalesce(core.counted_events, 0) as events_missing
from ledger
cross join core
