-- A dictionary of what feature rules can tell apart: event type and the properties that features need. Patterns are
-- matched once per entry and not once per event, and a number stands for text and map from here on. Entries are only
-- added; a full refresh numbers them anew.
{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with signatures as (
    select distinct
        coalesce(event_type, '') as event_type,
        feature_properties
    from {{ source('amplitude', 'amplitude_events') }}
),

unknown as (
    select
        event_type,
        feature_properties
    from signatures
    {% if is_incremental() %}
    where not exists(
        select 1
        from {{ this }} as known
        where known.event_type = signatures.event_type
            and known.feature_properties = signatures.feature_properties
    )
    {% endif %}
)

select
    cast(
        row_number() over (order by event_type, cast(feature_properties as varchar))
        {%- if is_incremental() %} + (select coalesce(max(signature_id), 0) from {{ this }}){% endif %} as integer
    ) as signature_id,
    event_type,
    feature_properties,
    exists(
        select 1
        from {{ source('company', 'inactive_event_types') }} as inactive
        where unknown.event_type like {{ glob_to_like('inactive.pattern') }} escape '\'
    ) as is_inactive
from unknown
