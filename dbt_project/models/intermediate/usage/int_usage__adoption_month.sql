-- Per account and scope at the end of a month: may it use it, does it, since when, and the ARR behind it. A row exists
-- while the account is entitled, and from its first use on. First and last use and being established are carried from
-- the month before, so that a new month reads no more than itself and the look-back.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}
{% set window_days = company_setting('adoption_window_days', 28) | int %}
{% set least_days = company_setting('adoption_established_days', 3) | int %}
{% set from_month = rebuild_start('adoption', truncate='month') if is_incremental() else "date '0001-01-01'" %}

with months as (
    select *
    from {{ ref('int_usage__adoption_months') }}
    where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
),

used as (
    select days.local_date, days.account_id, days.scope, days.scope_key, days.events
    from {{ ref('int_usage__account_scope_day') }} as days
    where days.scope <> 'all'
    {% if is_incremental() %}
        and days.local_date >= {{ from_month }} - {{ [window_days, 28] | max }}
    {% endif %}
),

-- established on the date that completes enough distinct days within the window
spans as (
    select
        local_date, account_id, scope, scope_key,
        lag(local_date, {{ least_days - 1 }}) over (
            partition by account_id, scope, scope_key order by local_date
        ) > local_date - {{ window_days }} as completes
    from used
),

-- what a month adds: nothing but its own dates, up to the one whose state it shows
month_uses as (
    select
        months.month_start, spans.account_id, spans.scope, spans.scope_key,
        min(spans.local_date) as first_used_on,
        max(spans.local_date) as last_used_on,
        min(case when spans.completes then spans.local_date end) as established_on
    from months
    inner join spans
        on months.month_start = cast({{ dbt.date_trunc('month', 'spans.local_date') }} as date)
            and months.state_date >= spans.local_date
    group by months.month_start, spans.account_id, spans.scope, spans.scope_key

    {% if is_incremental() %}

    union all

    select month_start, account_id, scope, scope_key, first_used_on, last_used_on, established_on
    from {{ this }}
    where month_start = cast({{ dbt.dateadd('month', -1, from_month) }} as date)
        and first_used_on is not null

    {% endif %}
),

-- what is known from a month with use on, until the next one with use
known as (
    select
        month_start, account_id, scope, scope_key, last_used_on,
        min(first_used_on) over so_far as first_used_on,
        min(established_on) over so_far as established_on,
        lead(month_start, 1, date '9999-12-31') over (
            partition by account_id, scope, scope_key order by month_start
        ) as until_month_start
    from month_uses
    window so_far as (partition by account_id, scope, scope_key order by month_start)
),

reached as (
    select
        months.month_start, known.account_id, known.scope, known.scope_key,
        known.first_used_on, known.last_used_on, known.established_on
    from months
    inner join known
        on months.month_start >= known.month_start
            and months.month_start < known.until_month_start
),

current_use as (
    select
        months.month_start, used.account_id, used.scope, used.scope_key,
        count(*) as days_28d,
        sum(used.events) as events_28d
    from months
    inner join used on used.local_date between months.state_date - 27 and months.state_date
    group by months.month_start, used.account_id, used.scope, used.scope_key
),

breadth as (
    select
        current_use.month_start, current_use.account_id, scopes.scope, scopes.scope_key, count(*) as features_28d
    from current_use
    inner join {{ ref('int_usage__feature_scopes') }} as scopes on current_use.scope_key = scopes.feature_key
    where current_use.scope = 'feature'
    group by current_use.month_start, current_use.account_id, scopes.scope, scopes.scope_key
),

scope_lines as (
    select distinct scopes.scope, scopes.scope_key, features.product_line
    from {{ ref('int_usage__feature_scopes') }} as scopes
    inner join {{ ref('dim_feature') }} as features on scopes.feature_key = features.feature_key
),

money as (
    select arr.month_start, arr.account_id, scope_lines.scope, scope_lines.scope_key, sum(arr.arr) as arr
    from {{ ref('fct_arr_month') }} as arr
    inner join scope_lines on arr.product_line = scope_lines.product_line
    where {{ rebuild_predicate('arr.month_start', 'adoption', truncate='month') }}
    group by arr.month_start, arr.account_id, scope_lines.scope, scope_lines.scope_key
),

cells as (
    select
        month_start, account_id, scope, scope_key,
        coalesce(entitled.is_entitled, false) as entitled,
        entitled.seats, reached.first_used_on, reached.last_used_on, reached.established_on
    from (
        select *, true as is_entitled from {{ ref('int_usage__entitled_month') }}
        where {{ rebuild_predicate('month_start', 'adoption', truncate='month') }}
    ) as entitled
    full outer join reached using (month_start, account_id, scope, scope_key)
)

select
    cells.month_start, cells.account_id, cells.scope, cells.scope_key, cells.entitled, cells.seats,
    cells.first_used_on, cells.last_used_on, cells.established_on,
    coalesce(current_use.days_28d, 0) as days_28d,
    cast(coalesce(current_use.events_28d, 0) as bigint) as events_28d,
    coalesce(breadth.features_28d, 0) as features_28d,
    case when months.has_money then cast(coalesce(money.arr, 0) as decimal(18, 2)) end as arr
from cells
inner join months using (month_start)
left join current_use using (month_start, account_id, scope, scope_key)
left join breadth using (month_start, account_id, scope, scope_key)
left join money using (month_start, account_id, scope, scope_key)
