-- The core that every usage mart reads: who used what, for which account, on which local date. Internal users, test
-- accounts and inactive event types are gone. feature_key '' is any active event, mapped or not; account_id '' is an
-- event that no account could be found for.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

select
    local_date,
    user_key,
    account_id,
    case when scope = 'feature' then scope_key else '' end as feature_key,
    cast(sum(events) as bigint) as events
from {{ ref('int_usage__counted_events') }}
where {{ rebuild_predicate('local_date', 'activity') }}
    and not is_inactive
    and scope in ('all', 'feature')
group by local_date, user_key, account_id, case when scope = 'feature' then scope_key else '' end
order by local_date
