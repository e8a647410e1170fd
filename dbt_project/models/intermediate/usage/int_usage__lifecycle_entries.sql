-- The first date on which a user or an account used a scope while its account was in a combination of segments: what
-- int_usage__first_use is without segments. The account keeps the combination, because numbers of combinations are not
-- kept between builds. An entry before the first redone date stays, so a new day costs the day.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'first_date', 'rebuild_layer': 'marts'}
) }}

{% set since = rebuild_start('marts') if is_incremental() else "date '1900-01-01'" %}

with sets as (
    select account_id, segment_set, valid_from, valid_to
    from {{ ref('int_usage__segment_sets') }}
),

months as (
    select *
    from {{ ref('int_usage__known_scope_month') }}
    where {{ rebuild_predicate('month_start', 'marts', truncate='month') }}
),

-- the days of a month in which an account was in a combination, from the first redone date on
set_days as (
    select
        months.month_start, sets.account_id, sets.segment_set,
        {{ date_bits('greatest(sets.valid_from, ' ~ since ~ ')', 'sets.valid_to', 'months.month_start', 31) }} as bits
    from sets
    inner join (select distinct month_start from months) as months
        on months.month_start + 31 > sets.valid_from
            and months.month_start < sets.valid_to
    where sets.valid_to > {{ since }}
),

fresh as (
    select
        months.month_start, months.user_key, months.account_id, set_days.segment_set, months.scope_no,
        months.days & set_days.bits as days
    from months
    inner join set_days using (month_start, account_id)
),

used as (
    select
        user_key,
        account_id,
        segment_set,
        scope_no,
        min(month_start + cast(bit_count((days & -days) - 1) as integer)) as first_date
    from fresh
    where days <> 0
    group by user_key, account_id, segment_set, scope_no
),

units as (
    select
        'user' as unit, user_key as unit_key, segment_set, scope_no,
        min(first_date) as first_date, arg_min(account_id, first_date) as account_id
    from used
    group by user_key, segment_set, scope_no

    union all

    select
        'account' as unit, account_id as unit_key, segment_set, scope_no,
        min(first_date) as first_date, account_id
    from used
    where account_id <> ''
    group by account_id, segment_set, scope_no
)

select units.unit, units.unit_key, units.scope_no, units.first_date, units.account_id
from units
{% if is_incremental() -%}
anti join (
    select entries.unit, entries.unit_key, entries.scope_no, sets.segment_set
    from {{ this }} as entries
    inner join sets
        on entries.account_id = sets.account_id
            and entries.first_date >= sets.valid_from
            and entries.first_date < sets.valid_to
    where entries.first_date < {{ rebuild_start('marts') }}
) as known using (unit, unit_key, scope_no, segment_set)
{%- endif %}
