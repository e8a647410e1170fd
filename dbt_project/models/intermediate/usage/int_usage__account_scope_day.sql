-- What an account used on a local date, at every scope. An event that is use of two features of a set is one event of
-- that set, which is why the scopes are counted from events and not added up from features.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

select
    local_date,
    account_id,
    scope,
    scope_key,
    cast(sum(events) as bigint) as events
from {{ ref('int_usage__counted_events') }}
where {{ rebuild_predicate('local_date', 'activity') }}
    and not is_inactive
    and account_id <> ''
group by local_date, account_id, scope, scope_key
order by local_date
