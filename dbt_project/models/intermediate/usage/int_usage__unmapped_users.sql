-- Who ever sent an event of a type that no feature rule matches, with the first date. A pair known before the first
-- redone date stays, so a new day costs the day.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'first_date', 'rebuild_layer': 'marts'}
) }}

select
    counted.event_type,
    counted.user_key,
    min(counted.local_date) as first_date
from {{ ref('int_usage__counted_events') }} as counted
where {{ rebuild_predicate('counted.local_date', 'marts') }}
    and not counted.is_mapped
    {% if is_incremental() %}
    and not exists(
        select 1
        from {{ this }} as known
        where known.event_type = counted.event_type
            and known.user_key = counted.user_key
            and known.first_date < {{ rebuild_start('marts') }}
    )
    {% endif %}
group by counted.event_type, counted.user_key
