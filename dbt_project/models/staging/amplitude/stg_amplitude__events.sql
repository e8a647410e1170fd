-- One row per event that is no repeat. Here, and only here, a timestamp becomes a local date. Whose the
-- event is follows from user, Amplitude id and device together with those of other events: see int_usage__identity_day.
with events as (
    select
        uuid,
        upload_hour,
        occurred_at,
        is_time_corrected,
        coalesce(event_type, '') as event_type,
        feature_properties,
        nullif(user_id, '') as user_id,
        amplitude_id,
        nullif(device_id, '') as device_id,
        nullif(session_id, -1) as session_id,
        nullif(account_group, '') as account_group,
        nullif(account_property, '') as account_property,
        lower(internal_property) as internal_property,
        email_domain,
        user_id_folded
    from {{ source('amplitude', 'amplitude_events') }}
),

internal_rules as (
    select
        kind,
        lower(value) as value
    from {{ source('company', 'internal_rules') }}
)

select
    events.uuid,
    events.upload_hour,
    events.occurred_at,
    cast({{ to_company_time('events.occurred_at') }} as date) as local_date,
    events.is_time_corrected,
    events.user_id,
    events.amplitude_id,
    events.device_id,
    events.session_id,
    events.account_group,
    events.account_property,
    events.event_type,
    signatures.signature_id,
    coalesce(events.email_domain in (select value from internal_rules where kind = 'email_domain'), false)
    -- hashed ids cannot be lowered: those written in capitals bring the hash of what they are in lower case
    or coalesce(lower(coalesce(events.user_id_folded, events.user_id)) in (select value from internal_rules where kind = 'user_id'), false)
    or coalesce(events.internal_property not in ('', 'false', '0', 'no', 'null', 'none'), false) as is_internal,
    signatures.is_inactive
from events
inner join {{ ref('stg_amplitude__signatures') }} as signatures
    on events.event_type = signatures.event_type
        and events.feature_properties = signatures.feature_properties
