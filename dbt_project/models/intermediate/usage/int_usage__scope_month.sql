-- The days of a month on which a user used a scope for an account, as bits: int_usage__user_month, with every feature
-- counted for its set and its product line too. Adoption, retention and lifecycle start from these rows.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'activity', 'rebuild_truncate': 'month'}
) }}

select
    days.month_start,
    days.user_key,
    days.account_id,
    scopes.scope_no,
    bit_or(days.days) as days
from {{ ref('int_usage__user_month') }} as days
inner join {{ ref('int_usage__feature_scopes') }} as scopes
    on days.feature_key = scopes.feature_key
where {{ rebuild_predicate('days.month_start', 'activity', truncate='month') }}
group by days.month_start, days.user_key, days.account_id, scopes.scope_no
order by days.month_start
