-- Events counted per local date, identity, session, named account values and signature (event type and the properties
-- that features need). The only table that is made from single events: everything else reads this.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'events'}
) }}
{% set planned %}
    {% if is_incremental() %}
    -- not a list of literals: the date is computed from the time, and for every literal again
    local_date in (
        select plan.local_date
        from {{ source('amplitude', 'rebuild_plan') }} as plan
        where plan.layer = 'events'
    )
    {% else %}
    true
    {% endif %}
{% endset %}

-- staging is named three times on purpose: as one CTE it would be held in memory whole
with anonymous as (
    select distinct local_date, device_id, occurred_at
    from {{ ref('stg_amplitude__events') }}
    where user_id is null
        and device_id is not null
        and {{ planned }}
),

-- two users known at one moment: the order of their ids decides, never the order of arrival
known as (
    select local_date, device_id, occurred_at, max(user_id) as user_id
    from {{ ref('stg_amplitude__events') }}
    semi join anonymous using (local_date, device_id)
    where user_id is not null
        and {{ planned }}
    group by local_date, device_id, occurred_at
),

-- what only single events tell: who was known last on the device before this moment of the date
known_before as (
    select anonymous.device_id, anonymous.occurred_at, known.user_id
    from anonymous
    asof inner join known
        on anonymous.local_date = known.local_date
            and anonymous.device_id = known.device_id
            and anonymous.occurred_at >= known.occurred_at
),

events as (
    select *, case when user_id is null then device_id end as anonymous_device_id
    from {{ ref('stg_amplitude__events') }}
    where {{ planned }}
)

select
    events.local_date,
    events.user_id,
    events.amplitude_id,
    events.device_id,
    known_before.user_id as device_user_id,
    events.session_id,
    coalesce(events.account_group, '') as account_group,
    coalesce(events.account_property, '') as account_property,
    events.signature_id,
    events.is_internal,
    count(*) as events,
    min(events.occurred_at) as first_occurred_at,
    max(events.occurred_at) as last_occurred_at
from events
left join known_before
    on events.anonymous_device_id = known_before.device_id
        and events.occurred_at = known_before.occurred_at
group by
    events.local_date, events.user_id, events.amplitude_id, events.device_id, known_before.user_id, events.session_id,
    coalesce(events.account_group, ''), coalesce(events.account_property, ''), events.signature_id, events.is_internal
order by events.local_date
