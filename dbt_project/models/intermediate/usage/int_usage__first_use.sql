-- The first date on which a user or an account ever used a scope, up to the watermark. A date before the first redone one
-- stays, so a new day costs the day.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'first_date', 'rebuild_layer': 'marts'}
) }}

with used as (
    select
        user_key,
        account_id,
        scope_no,
        min(month_start + cast(bit_count((days & -days) - 1) as integer)) as first_date
    from (
        select
            month_start,
            user_key,
            account_id,
            scope_no,
            {% if is_incremental() -%}
            -- what lies before the redone dates is known
            days & ~((cast(1 as bigint) << cast(
                least(greatest({{ rebuild_start('marts') }} - month_start, 0), 31) as bigint
            )) - 1) as days
            {%- else -%}
            days
            {%- endif %}
        from {{ ref('int_usage__known_scope_month') }}
        where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
    ) as fresh
    where days <> 0
    group by user_key, account_id, scope_no
),

units as (
    select 'user' as unit, user_key as unit_key, scope_no, min(first_date) as first_date
    from used
    group by user_key, scope_no

    union all

    select 'account' as unit, account_id as unit_key, scope_no, min(first_date) as first_date
    from used
    where account_id <> ''
    group by account_id, scope_no
)

select units.unit, units.unit_key, units.scope_no, units.first_date
from units
{% if is_incremental() -%}
anti join (
    select unit, unit_key, scope_no
    from {{ this }}
    where first_date < {{ rebuild_start('marts') }}
) as known using (unit, unit_key, scope_no)
{%- endif %}
