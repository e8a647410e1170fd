{# Cohorts of weeks and of months, alike but for the calendar. #}
{% macro cohorts_by_segment(grain) %}
{% set segment = 'dimension, segment, is_total' %}
with {{ cohort_windows(grain) }},

members as (
    select segment_set, cast(dense_rank() over (order by {{ segment }}) as integer) as segment_no, {{ segment }}
    from {{ ref('int_usage__segment_set_members') }}
),

any_use as (
    select uses.unit_no, uses.month_start, calendar.cohort_start, sets.segment_set
    from (select unit_no, month_start, account_id, days from uses where scope_no = 0) as uses
    inner join calendar
        on uses.month_start = calendar.month_start
            and uses.days >> cast(calendar.local_date - calendar.month_start as bigint) & 1 = 1
    inner join {{ ref('int_usage__segment_sets') }} as sets
        on uses.account_id = sets.account_id
            and calendar.local_date >= sets.valid_from
            and calendar.local_date < sets.valid_to
),

homes as (
    select unit_no, cohort_start, min(segment_set) as segment_set, min(segment_set) < max(segment_set) as is_mixed
    from any_use
    group by unit_no, cohort_start
),

-- who was in several combinations within a period, or used something for several accounts, is looked at use by use
mixed_uses as materialized (
    select unit_no, scope_no, month_start, account_id, days
    from uses
    semi join (
        select any_use.unit_no, any_use.month_start
        from any_use
        inner join homes using (unit_no, cohort_start)
        where homes.is_mixed
    ) as mixed using (unit_no, month_start)
),

mixed as (
    select
        uses.unit_no, uses.scope_no, calendar.cohort_start, sets.segment_set,
        rank() over (
            partition by uses.unit_no, uses.scope_no, calendar.cohort_start order by calendar.local_date
        ) as entry_rank
    from mixed_uses as uses
    inner join calendar
        on uses.month_start = calendar.month_start
            and uses.days >> cast(calendar.local_date - calendar.month_start as bigint) & 1 = 1
    inner join homes
        on uses.unit_no = homes.unit_no
            and calendar.cohort_start = homes.cohort_start
            and homes.is_mixed
    inner join {{ ref('int_usage__segment_sets') }} as sets
        on uses.account_id = sets.account_id
            and calendar.local_date >= sets.valid_from
            and calendar.local_date < sets.valid_to
),

-- combinations have segments in common, at least the total: a unit counts once in each
entered as (
    select distinct mixed.unit_no, mixed.scope_no, mixed.cohort_start, members.segment_no
    from mixed
    inner join members on mixed.segment_set = members.segment_set
    where mixed.entry_rank = 1
),

by_set as (
    select
        {{ count_block('followed.unit_no') }} as block_no, followed.unit_no > 0 as is_user, followed.scope_no,
        followed.cohort_start, followed.is_first, homes.segment_set, {{ count_lanes(grain) }}
    from followed
    inner join homes using (unit_no, cohort_start)
    where not homes.is_mixed
    group by block_no, is_user, followed.scope_no, followed.cohort_start, followed.is_first, homes.segment_set
),

by_segment as (
    select by_set.* exclude (segment_set), members.segment_no
    from by_set
    inner join members on by_set.segment_set = members.segment_set

    union all by name

    select
        {{ count_block('followed.unit_no') }} as block_no, followed.unit_no > 0 as is_user, followed.scope_no,
        followed.cohort_start, followed.is_first, entered.segment_no, {{ count_lanes(grain) }}
    from followed
    inner join entered using (unit_no, scope_no, cohort_start)
    group by block_no, is_user, followed.scope_no, followed.cohort_start, followed.is_first, entered.segment_no
),

blocks as (
    select block_no, is_user, scope_no, cohort_start, is_first, segment_no, {{ sum_lanes(grain) }}
    from by_segment
    group by block_no, is_user, scope_no, cohort_start, is_first, segment_no
),

counts as (
    select is_user, scope_no, cohort_start, segment_no, {{ counts_by_period(grain) }}
    from blocks
    group by is_user, scope_no, cohort_start, segment_no
),

cohorts as (
    select counts.* exclude (segment_no), names.* exclude (segment_no)
    from counts
    inner join (select distinct segment_no, {{ segment }} from members) as names on counts.segment_no = names.segment_no
)
{{ cohort_rows(grain) }}
{% endmacro %}
