-- Whose the events without a user id are, per local date and identity. What this run had nothing to decide about is as
-- the last finished build left it.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'identity'}
) }}

select local_date, amplitude_id, device_id, device_user_id, user_key, resolved_by
from {{ ref('int_usage__resolved_identities') }}
where {{ rebuild_predicate('local_date', 'identity') }}

{% if is_incremental() %}

union all

select former.local_date, former.amplitude_id, former.device_id, former.device_user_id, former.user_key,
    former.resolved_by
from {{ source('amplitude', 'built_identities') }} as former
where {{ rebuild_predicate('former.local_date', 'identity') }}
    and not ({{ rebuild_predicate('former.local_date', 'events') }})
    and not exists(
        select 1
        from {{ ref('int_usage__resolved_identities') }} as resolved
        where resolved.local_date = former.local_date
            and resolved.amplitude_id is not distinct from former.amplitude_id
            and resolved.device_id is not distinct from former.device_id
            and resolved.device_user_id is not distinct from former.device_user_id
    )

{% endif %}
