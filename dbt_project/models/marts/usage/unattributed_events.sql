-- Active events that no account could be found for, and why. They count for users, never for an account.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'marts'}
) }}

select
    local_date,
    reason,
    cast(sum(events) as bigint) as events,
    count(distinct user_key) as users
from {{ ref('int_usage__counted_events') }}
where {{ rebuild_predicate('local_date', 'marts') }}
    and account_id = ''
    and not is_inactive
group by local_date, reason
order by local_date
