-- One row per leading mart: the period it must reach (by the watermark of its group) and the period it reaches.
with due as (
    select
        watermarks.usage_watermark,
        cast({{ dbt.date_trunc('month', 'watermarks.joint_watermark') }} as date) as joint_month,
        cast({{ dbt.date_trunc('month', 'state.as_of') }} as date) as money_month,
        coalesce(state.mode <> 'none', false) as has_money
    from {{ ref('int_usage__watermarks') }} as watermarks
    left join {{ ref('stg_finance__state') }} as state on true
),

reached as (
    select
        'active_usage' as mart,
        max(period_start) as last_period
    from {{ ref('active_usage') }}
    where period_grain = 'day'

    union all

    select
        'fct_arr_month' as mart,
        max(month_start) as last_period
    from {{ ref('fct_arr_month') }}

    union all

    select
        'arr_by_segment' as mart,
        max(month_start) as last_period
    from {{ ref('arr_by_segment') }}

    union all

    select
        'adoption' as mart,
        max(month_start) as last_period
    from {{ ref('adoption') }}
),

compared as (
    select
        reached.mart,
        reached.last_period,
        case
            when reached.mart = 'active_usage' then due.usage_watermark
            when reached.mart = 'adoption' then due.joint_month
            else due.money_month
        end as due_period,
        case
            when reached.mart = 'active_usage' then true
            when reached.mart = 'adoption' then (select count(*) from {{ source('company', 'feature_rules') }}) > 0
            else due.has_money
        end as is_configured
    from reached
    cross join due
)

select
    mart as subject,
    is_configured,
    due_period is not null as has_data,
    last_period,
    due_period,
    cast({{ dbt.datediff('last_period', 'due_period', 'day') }} as bigint) as days_behind
from compared
