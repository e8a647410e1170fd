-- The core that every usage mart reads: who used what, for which account, on which local date. Internal users, test
-- accounts and inactive event types are gone. feature_key '' is any active event, mapped or not; account_id '' is an
-- event that no account could be found for.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

select
    counted.local_date,
    counted.user_key,
    counted.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end as feature_key,
    cast(sum(counted.events) as bigint) as events
from {{ ref('int_usage__counted_events') }} as counted
inner join {{ ref('int_usage__signature_scopes') }} as scopes on counted.signature_id = scopes.signature_id
where {{ rebuild_predicate('counted.local_date', 'activity') }}
    and not counted.is_inactive
    and scopes.scope in ('all', 'feature')
group by
    counted.local_date, counted.user_key, counted.account_id,
    case when scopes.scope = 'feature' then scopes.scope_key else '' end
order by counted.local_date
