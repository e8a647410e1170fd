-- Events per type and local date, and how many of them no feature rule matches. Inactive types are included: what no
-- rule matches is listed whatever it is.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'marts'}
) }}

select
    local_date,
    event_type,
    is_inactive,
    cast(sum(events) as bigint) as events,
    cast(sum(case when is_mapped then 0 else events end) as bigint) as unmapped_events
from {{ ref('int_usage__counted_events') }}
where {{ rebuild_predicate('local_date', 'marts') }}
group by local_date, event_type, is_inactive
order by local_date
