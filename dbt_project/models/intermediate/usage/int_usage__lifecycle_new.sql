-- Per key, how many units used the scope in the segment for the first time ever on a date. A unit that was in one
-- combination of segments only is counted with it; of the others the earliest date in each segment is looked up.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'first_date', 'rebuild_layer': 'marts'}
) }}

with entries as (
    select entries.unit, entries.unit_key, entries.scope_no, entries.first_date, sets.segment_set
    from {{ ref('int_usage__lifecycle_entries') }} as entries
    inner join {{ ref('int_usage__segment_sets') }} as sets
        on entries.account_id = sets.account_id
            and entries.first_date >= sets.valid_from
            and entries.first_date < sets.valid_to
),

units as (
    select
        unit, unit_key, scope_no,
        min(segment_set) as segment_set, min(first_date) as first_date, max(first_date) as last_date,
        count(*) > 1 as has_several
    from entries
    group by unit, unit_key, scope_no
),

by_set as (
    select unit, segment_set, scope_no, first_date, count(*) as units
    from units
    where not has_several
        and {{ rebuild_predicate('first_date', 'marts') }}
    group by unit, segment_set, scope_no, first_date
),

wanderers as (
    select
        entries.unit, entries.unit_key, entries.scope_no, members.dimension, members.segment, members.is_total,
        min(entries.first_date) as first_date
    from entries
    semi join (
        select unit, unit_key, scope_no
        from units
        where has_several
            and {{ rebuild_predicate('last_date', 'marts') }}
    ) as moved using (unit, unit_key, scope_no)
    inner join {{ ref('int_usage__segment_set_members') }} as members on entries.segment_set = members.segment_set
    group by entries.unit, entries.unit_key, entries.scope_no, members.dimension, members.segment, members.is_total
),

counted as (
    select by_set.unit, members.dimension, members.segment, members.is_total, by_set.scope_no, first_date, units
    from by_set
    inner join {{ ref('int_usage__segment_set_members') }} as members on by_set.segment_set = members.segment_set

    union all

    select unit, dimension, segment, is_total, scope_no, first_date, count(*) as units
    from wanderers
    where {{ rebuild_predicate('first_date', 'marts') }}
    group by unit, dimension, segment, is_total, scope_no, first_date
)

select
    counted.first_date, counted.unit, counted.dimension, counted.segment, counted.is_total,
    scopes.scope, scopes.scope_key,
    cast(sum(counted.units) as bigint) as new
from counted
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on counted.scope_no = scopes.scope_no
group by
    counted.first_date, counted.unit, counted.dimension, counted.segment, counted.is_total,
    scopes.scope, scopes.scope_key
