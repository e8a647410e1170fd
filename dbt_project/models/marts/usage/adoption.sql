-- Who uses what they are entitled to, at month end: counts are of entitled accounts, use without entitlement is apart.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}

with cells as (
    select
        months.is_complete,
        months.denominator_basis,
        segments.dimension,
        segments.segment,
        segments.is_total,
        adoption.*,
        adoption.entitled and adoption.days_28d > 0 as is_current
    from {{ ref('int_usage__adoption_months') }} as months
    inner join {{ ref('int_usage__adoption_month') }} as adoption on months.month_start = adoption.month_start
    inner join {{ ref('int_company__account_segments') }} as segments
        on adoption.account_id = segments.account_id
            and months.state_date >= segments.valid_from
            and months.state_date < segments.valid_to
    where {{ rebuild_predicate('adoption.month_start', 'adoption', truncate='month') }}
),

counted as (
    select
        month_start, dimension, segment, is_total, scope, scope_key, denominator_basis, is_complete,
        count_if(entitled) as entitled_accounts,
        count_if(entitled and first_used_on is not null) as adopted_ever,
        count_if(entitled and established_on is not null) as adopted_established,
        count_if(is_current) as current_accounts,
        count_if(not entitled and days_28d > 0) as off_entitlement_accounts,
        sum(case when is_current then events_28d else 0 end) as events,
        sum(case when is_current then features_28d end) as features_used,
        sum(case when is_current then days_28d end) as days_used,
        sum(case when entitled then arr end) as entitled_arr,
        sum(case when is_current then arr when entitled and arr is not null then 0 end) as adopted_arr,
        sum(case when entitled then seats end) as seats
    from cells
    group by month_start, dimension, segment, is_total, scope, scope_key, denominator_basis, is_complete
)

select
    counted.month_start,
    counted.dimension,
    counted.segment,
    counted.is_total,
    counted.scope,
    counted.scope_key,
    counted.denominator_basis,
    cast(counted.entitled_accounts as bigint) as entitled_accounts,
    cast(counted.adopted_ever as bigint) as adopted_ever,
    cast(counted.adopted_established as bigint) as adopted_established,
    cast(counted.current_accounts as bigint) as current_accounts,
    cast(counted.current_accounts as double) / nullif(counted.entitled_accounts, 0) as adoption_rate,
    cast(counted.adopted_established as double) / nullif(counted.entitled_accounts, 0) as established_rate,
    coalesce(users.active_users, 0) as active_users,
    cast(counted.events as bigint) as events,
    cast(counted.features_used as double) / nullif(counted.current_accounts, 0) as breadth,
    cast(counted.days_used as double) / nullif(counted.current_accounts, 0) as days_per_account,
    cast(counted.entitled_arr as decimal(18, 2)) as entitled_arr,
    cast(counted.adopted_arr as decimal(18, 2)) as adopted_arr,
    cast(counted.adopted_arr as double) / nullif(cast(counted.entitled_arr as double), 0) as arr_adoption_rate,
    cast(counted.seats as bigint) as seats,
    cast(coalesce(users.active_users, 0) as double) / nullif(counted.seats, 0) as active_seat_rate,
    cast(counted.off_entitlement_accounts as bigint) as off_entitlement_accounts,
    counted.entitled_accounts < 10 as is_small,
    counted.is_complete
from counted
left join {{ ref('int_usage__adopting_users') }} as users
    on counted.month_start = users.month_start
        and counted.dimension = users.dimension
        and counted.segment = users.segment
        and counted.scope = users.scope
        and counted.scope_key = users.scope_key
where counted.entitled_accounts > 0
    or counted.off_entitlement_accounts > 0
