-- What an account used on a local date, at every scope. An event that is use of two features of a set is one event of
-- that set, which is why the scopes are counted from events and not added up from features.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

with active as (
    select local_date, account_id, signature_id, sum(events) as events
    from {{ ref('int_usage__counted_events') }}
    where {{ rebuild_predicate('local_date', 'activity') }}
        and not is_inactive
        and account_id <> ''
    group by local_date, account_id, signature_id
)

select
    active.local_date,
    active.account_id,
    scopes.scope,
    scopes.scope_key,
    cast(sum(active.events) as bigint) as events
from active
inner join {{ ref('int_usage__signature_scopes') }} as scopes on active.signature_id = scopes.signature_id
group by active.local_date, active.account_id, scopes.scope, scopes.scope_key
order by active.local_date
