-- Per month end, account and scope that it was entitled to: whether it used the scope in the 90 days to that date. Only
-- months whose 90 days have all landed: of earlier ones nobody knows who used what.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}

with months as (
    select
        months.month_start,
        months.state_date,
        months.state_date - 89 as first_date
    from {{ ref('int_usage__adoption_months') }} as months
    inner join {{ ref('int_usage__watermarks') }} as watermarks
        on months.state_date - 89 >= watermarks.first_date
    where {{ rebuild_predicate('months.month_start', 'adoption', truncate='month') }}
),

-- the up to four months that the 90 days lie in, each with a mask of those of its days that do
spans as (
    select
        month_start,
        cast(unnest(generate_series(
            {{ dbt.date_trunc('month', 'first_date') }}, state_date, interval 1 month
        )) as date) as used_month_start,
        first_date,
        state_date
    from months
),

masks as (
    select
        month_start,
        used_month_start,
        (cast(1 as bigint) << cast(least(31, state_date - used_month_start + 1) as bigint))
        - (cast(1 as bigint) << cast(greatest(0, first_date - used_month_start) as bigint)) as mask
    from spans
),

scopes as (
    select distinct scope, scope_key, scope_no
    from {{ ref('int_usage__feature_scopes') }}
    where scope in ('feature', 'feature_set')
),

used_days as (
    select
        month_start as used_month_start,
        account_id,
        scope_no,
        bit_or(days) as days
    from {{ ref('int_usage__known_scope_month') }}
    where account_id <> ''
        and scope_no in (select scope_no from scopes)
        and month_start >= (select min(used_month_start) from masks)
    group by month_start, account_id, scope_no
),

adopters as (
    select distinct
        masks.month_start,
        used_days.account_id,
        used_days.scope_no
    from masks
    inner join used_days
        on masks.used_month_start = used_days.used_month_start
    where used_days.days & masks.mask <> 0
)

select
    entitled.month_start,
    entitled.account_id,
    scopes.scope_no,
    adopters.account_id is not null as adopter
from {{ ref('int_usage__entitled_month') }} as entitled
inner join months
    on entitled.month_start = months.month_start
inner join scopes
    on entitled.scope = scopes.scope
        and entitled.scope_key = scopes.scope_key
left join adopters
    on entitled.month_start = adopters.month_start
        and entitled.account_id = adopters.account_id
        and scopes.scope_no = adopters.scope_no
order by entitled.month_start
