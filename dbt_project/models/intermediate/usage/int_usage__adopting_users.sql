-- Users of entitled accounts in the 28 days to the end of a month, per segment and scope. A user of one account is
-- counted with the account; only users of several need to be told apart.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}
{% set cell = 'month_start, scope, scope_key' %}

with months as (
    select *
    from {{ ref('int_usage__adoption_months') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
),

windows as (
    select *
    from {{ ref('int_usage__adoption_windows') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
),

entitled_users as (
    select distinct windows.month_start, days.user_key, days.account_id, scopes.scope, scopes.scope_key
    from windows
    inner join {{ ref('int_usage__user_month') }} as days
        on windows.bits_month_start = days.month_start
    inner join {{ ref('int_usage__feature_scopes') }} as scopes on days.feature_key = scopes.feature_key
    inner join {{ ref('int_usage__entitled_month') }} as entitled
        on windows.month_start = entitled.month_start
            and days.account_id = entitled.account_id
            and scopes.scope = entitled.scope
            and scopes.scope_key = entitled.scope_key
    where (days.days & windows.bits) <> 0
        and {{ rebuild_predicate('entitled.month_start', 'adoption', truncate='month') }}
        and {{ rebuild_predicate(dbt.dateadd('month', 1, 'days.month_start'), 'adoption', truncate='month') }}
),

memberships as (
    select {{ cell }}, user_key, min(account_id) as account_id, count(*) > 1 as has_several
    from entitled_users
    group by {{ cell }}, user_key
),

counted as (
    select {{ cell }}, account_id, cast(null as varchar) as user_key, count(*) as users
    from memberships
    where not has_several
    group by {{ cell }}, account_id

    union all

    select {{ cell }}, entitled_users.account_id, user_key, 0 as users
    from memberships
    inner join entitled_users using ({{ cell }}, user_key)
    where memberships.has_several
)

select
    counted.month_start, segments.dimension, segments.segment, counted.scope, counted.scope_key,
    cast(sum(counted.users) + count(distinct counted.user_key) as bigint) as active_users
from counted
inner join months on counted.month_start = months.month_start
inner join {{ ref('int_company__account_segments') }} as segments
    on counted.account_id = segments.account_id
        and months.state_date >= segments.valid_from
        and months.state_date < segments.valid_to
group by counted.month_start, segments.dimension, segments.segment, counted.scope, counted.scope_key
