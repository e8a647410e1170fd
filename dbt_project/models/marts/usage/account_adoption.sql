-- The accounts behind every figure of adoption: whoever may use a feature, or ever used it, at month end.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}

with months as (
    select *
    from {{ ref('int_usage__adoption_months') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
),

-- one row per user, though the 28 days may lie in two months
active_users as (
    select distinct windows.month_start, days.account_id, days.feature_key, days.user_key
    from {{ ref('int_usage__adoption_windows') }} as windows
    inner join {{ ref('int_usage__user_month') }} as days on windows.bits_month_start = days.month_start
    where days.feature_key <> ''
        and days.account_id <> ''
        and (days.days & windows.bits) <> 0
        and {{ rebuild_predicate('windows.month_start', 'adoption', truncate='month') }}
        and {{ rebuild_predicate(dbt.dateadd('month', 1, 'days.month_start'), 'adoption', truncate='month') }}
),

users as (
    select month_start, account_id, feature_key, count(*) as users_28d
    from active_users
    group by month_start, account_id, feature_key
)

select
    adoption.month_start,
    adoption.account_id,
    adoption.scope_key as feature_key,
    adoption.entitled,
    adoption.first_used_on,
    adoption.last_used_on,
    adoption.established_on,
    cast(adoption.days_28d as bigint) as days_28d,
    coalesce(users.users_28d, 0) as users_28d,
    case
        when not adoption.entitled then 'off_entitlement'
        when adoption.first_used_on is null then 'never'
        when adoption.days_28d = 0 then 'lapsed'
        when adoption.established_on is not null then 'established'
        else 'tried'
    end as state,
    adoption.arr,
    months.is_complete
from {{ ref('int_usage__adoption_month') }} as adoption
inner join months on adoption.month_start = months.month_start
inner join {{ ref('int_company__accounts') }} as accounts on adoption.account_id = accounts.account_id
left join users
    on adoption.month_start = users.month_start
        and adoption.account_id = users.account_id
        and adoption.scope_key = users.feature_key
where adoption.scope = 'feature'
    and {{ rebuild_predicate('adoption.month_start', 'adoption', truncate='month') }}
