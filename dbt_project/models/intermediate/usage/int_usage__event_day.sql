-- Events counted per local date, user, named account values, event type and the properties that features need.
-- The only table, with int_usage__session_day, that is made from single events: everything else reads this.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'events'}
) }}

select
    local_date,
    user_key,
    coalesce(account_group, '') as account_group,
    coalesce(account_property, '') as account_property,
    event_type,
    feature_properties,
    is_internal,
    count(*) as events,
    max(occurred_at) as last_occurred_at
from {{ ref('stg_amplitude__events') }}
where {{ rebuild_predicate('local_date', 'events') }}
group by
    local_date, user_key, coalesce(account_group, ''), coalesce(account_property, ''),
    event_type, feature_properties, is_internal
order by local_date
