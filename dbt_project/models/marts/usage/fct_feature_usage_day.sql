-- Use of a feature by an account on a local date, all landed dates.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'marts'}
) }}

select
    core.local_date,
    core.account_id,
    core.feature_key,
    count(*) as active_users,
    cast(sum(core.events) as bigint) as events,
    coalesce(core.local_date <= any_value(watermarks.usage_watermark), false) as is_complete
from {{ ref('int_usage__activity_day') }} as core
cross join {{ ref('int_usage__watermarks') }} as watermarks
where {{ rebuild_predicate('core.local_date', 'marts') }}
    and core.feature_key <> ''
    and core.account_id <> ''
group by core.local_date, core.account_id, core.feature_key
order by core.local_date
