-- Which account may use what at the end of a month: by entitlements; without that table, by ARR in the product line;
-- without money, every account that exists.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}

with months as (
    select *
    from {{ ref('int_usage__adoption_months') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
),

features as (
    select feature_key, product_line
    from {{ ref('dim_feature') }}
),

-- seats of concurrent grants of the same thing add up
granted as (
    select
        months.month_start,
        entitlements.account_id,
        entitlements.feature_key,
        case when entitlements.feature_key is null then entitlements.product_line end as product_line,
        sum(entitlements.seats) as seats
    from months
    inner join {{ ref('stg_finance__entitlements') }} as entitlements
        on months.state_date >= entitlements.valid_from
            and months.state_date < entitlements.valid_to
    where months.denominator_basis = 'entitlements'
    group by
        months.month_start, entitlements.account_id, entitlements.feature_key,
        case when entitlements.feature_key is null then entitlements.product_line end
),

first_seen as (
    select account_id, min(local_date) as first_date
    from {{ ref('int_usage__account_scope_day') }}
    where scope = 'all'
    group by account_id
),

entitled as (
    select granted.month_start, granted.account_id, features.feature_key, granted.seats
    from granted
    inner join features on granted.feature_key = features.feature_key

    union all

    select granted.month_start, granted.account_id, features.feature_key, granted.seats
    from granted
    inner join features on granted.product_line = features.product_line

    union all

    select months.month_start, arr.account_id, features.feature_key, null as seats
    from months
    inner join {{ ref('fct_arr_month') }} as arr on months.month_start = arr.month_start
    inner join features on arr.product_line = features.product_line
    where months.denominator_basis = 'subscription'
    group by months.month_start, arr.account_id, features.feature_key
    having sum(arr.arr) > 0

    union all

    select months.month_start, accounts.account_id, features.feature_key, null as seats
    from months
    cross join {{ ref('int_company__accounts') }} as accounts
    cross join features
    left join first_seen on accounts.account_id = first_seen.account_id
    where months.denominator_basis = 'all_live'
        and coalesce(accounts.created_date, first_seen.first_date) <= months.state_date
)

-- one person may hold a seat of several grants, so grants of different things do not add up
select
    entitled.month_start,
    entitled.account_id,
    scopes.scope,
    scopes.scope_key,
    cast(max(entitled.seats) as bigint) as seats
from entitled
inner join {{ ref('int_company__accounts') }} as accounts on entitled.account_id = accounts.account_id
inner join {{ ref('int_usage__feature_scopes') }} as scopes on entitled.feature_key = scopes.feature_key
group by entitled.month_start, entitled.account_id, scopes.scope, scopes.scope_key
