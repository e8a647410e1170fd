-- Events counted per local date, user, session, named account values and signature (event type and the properties that
-- features need). The only table that is made from single events: everything else reads this.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'events'}
) }}

select
    local_date,
    user_key,
    session_id,
    coalesce(account_group, '') as account_group,
    coalesce(account_property, '') as account_property,
    signature_id,
    is_internal,
    count(*) as events,
    max(occurred_at) as last_occurred_at
from {{ ref('stg_amplitude__events') }}
{% if is_incremental() %}
-- not a list of literals: the date is computed from the time, and for every literal again
where local_date in (
    select plan.local_date
    from {{ source('amplitude', 'rebuild_plan') }} as plan
    where plan.layer = 'events'
)
{% endif %}
group by
    local_date, user_key, session_id, coalesce(account_group, ''), coalesce(account_property, ''), signature_id,
    is_internal
order by local_date
