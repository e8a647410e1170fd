-- The sessions in which a user was active, per local date and named account values. Session -1 is no session.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'events'}
) }}

select distinct
    local_date,
    user_key,
    coalesce(account_group, '') as account_group,
    coalesce(account_property, '') as account_property,
    session_id
from {{ ref('stg_amplitude__events') }}
where {{ rebuild_predicate('local_date', 'events') }}
    and session_id is not null
    and not is_inactive
order by local_date
