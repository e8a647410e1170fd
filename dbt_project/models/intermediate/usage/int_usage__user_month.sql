-- The days of a month on which a user used a feature for an account, as bits: bit 0 is the first of the month. A month
-- in a handful of bytes makes distinct counts over any window cheap, and a new day costs its own rows only: the bits
-- of the redone dates are cleared and set again.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'activity', 'rebuild_truncate': 'month'}
) }}

with fresh as (
    select
        cast({{ dbt.date_trunc('month', 'local_date') }} as date) as month_start,
        user_key,
        account_id,
        feature_key,
        bit_or(cast(1 as bigint) << cast(extract(day from local_date) - 1 as bigint)) as days
    from {{ ref('int_usage__activity_day') }}
    where {{ rebuild_predicate('local_date', 'activity') }}
    group by cast({{ dbt.date_trunc('month', 'local_date') }} as date), user_key, account_id, feature_key
)

{% if is_incremental() %}

, redone as (
    select
        cast({{ dbt.date_trunc('month', 'local_date') }} as date) as month_start,
        bit_or(cast(1 as bigint) << cast(extract(day from local_date) - 1 as bigint)) as days
    from {{ ref('int_usage__rebuild_dates') }}
    where layer = 'activity'
    group by cast({{ dbt.date_trunc('month', 'local_date') }} as date)
),

merged as (
    select month_start, user_key, account_id, feature_key, days
    from fresh

    union all

    select kept.month_start, kept.user_key, kept.account_id, kept.feature_key, kept.days & ~redone.days as days
    from {{ this }} as kept
    inner join redone on kept.month_start = redone.month_start
    where {{ rebuild_predicate('kept.month_start', 'activity', truncate='month') }}
)

select
    month_start,
    user_key,
    account_id,
    feature_key,
    bit_or(days) as days
from merged
group by month_start, user_key, account_id, feature_key
having bit_or(days) <> 0

{% else %}

select month_start, user_key, account_id, feature_key, days
from fresh
order by month_start

{% endif %}
