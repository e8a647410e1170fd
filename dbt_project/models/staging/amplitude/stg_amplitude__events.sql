-- One row per event that is no repeat. Here, and only here, a timestamp becomes a local date and an event gets its user.
with events as (
    select
        uuid,
        upload_hour,
        occurred_at,
        is_time_corrected,
        event_type,
        feature_properties,
        nullif(user_id, '') as user_id,
        amplitude_id,
        nullif(device_id, '') as device_id,
        nullif(session_id, -1) as session_id,
        nullif(account_group, '') as account_group,
        nullif(account_property, '') as account_property,
        lower(internal_property) as internal_property,
        email_domain
    from {{ source('amplitude', 'amplitude_events') }}
),

internal_rules as (
    select
        kind,
        lower(value) as value
    from {{ source('company', 'internal_rules') }}
)

select
    uuid,
    upload_hour,
    occurred_at,
    cast({{ to_company_time('occurred_at') }} as date) as local_date,
    is_time_corrected,
    -- the prefixes keep an id of one kind from being taken for an id of another
    coalesce(
        user_id,
        'amplitude:' || cast(amplitude_id as varchar),
        'device:' || coalesce(device_id, 'unknown')
    ) as user_key,
    session_id,
    account_group,
    account_property,
    event_type,
    feature_properties,
    coalesce(email_domain in (select value from internal_rules where kind = 'email_domain'), false)
    or coalesce(lower(user_id) in (select value from internal_rules where kind = 'user_id'), false)
    or coalesce(internal_property not in ('', 'false', '0', 'no', 'null', 'none'), false) as is_internal,
    event_type in (
        select event_types.event_type
        from {{ ref('stg_amplitude__event_types') }} as event_types
        where event_types.is_inactive
    ) as is_inactive
from events
