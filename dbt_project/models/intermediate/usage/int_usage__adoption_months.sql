-- The months adoption is stated for, from the first events to the joint watermark, each with the date whose state it
-- shows, and what makes an account entitled. One row per month.
{{ config(materialized='view') }}

with span as (
    select
        least(watermarks.first_date, activity.first_date) as first_date,
        watermarks.joint_watermark,
        case
            when state.has_entitlements then 'entitlements'
            when state.mode in ('full', 'minimum') then 'subscription'
            else 'all_live'
        end as denominator_basis,
        state.mode <> 'none' as has_money
    from {{ ref('int_usage__watermarks') }} as watermarks
    cross join (select min(local_date) as first_date from {{ ref('int_usage__account_scope_day') }}) as activity
    cross join {{ ref('stg_finance__state') }} as state
    where watermarks.joint_watermark is not null
),

months as (
    select
        cast(unnest(generate_series(
            {{ dbt.date_trunc('month', 'first_date') }}, joint_watermark, interval 1 month
        )) as date) as month_start,
        joint_watermark,
        denominator_basis,
        has_money
    from span
)

select
    month_start,
    {{ dbt.last_day('month_start', 'month') }} as month_end,
    least({{ dbt.last_day('month_start', 'month') }}, joint_watermark) as state_date,
    {{ dbt.last_day('month_start', 'month') }} <= joint_watermark as is_complete,
    denominator_basis,
    has_money
from months
