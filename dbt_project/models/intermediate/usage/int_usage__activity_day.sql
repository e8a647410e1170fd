-- The core that every usage mart reads: who used what, for which account, on which local date. Internal users, test
-- accounts and inactive event types are gone. feature_key '' is any active event, mapped or not; account_id '' is an
-- event that no account could be found for.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

with active as (
    select local_date, user_key, account_id, signature_id, sum(events) as events
    from {{ ref('int_usage__counted_events') }}
    where {{ rebuild_predicate('local_date', 'activity') }}
        and not is_inactive
    group by local_date, user_key, account_id, signature_id
)

select
    active.local_date,
    active.user_key,
    active.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end as feature_key,
    cast(sum(active.events) as bigint) as events
from active
inner join {{ ref('int_usage__signature_scopes') }} as scopes on active.signature_id = scopes.signature_id
where scopes.scope in ('all', 'feature')
group by
    active.local_date, active.user_key, active.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end
order by active.local_date
