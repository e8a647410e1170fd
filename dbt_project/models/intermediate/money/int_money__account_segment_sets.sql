-- Each account's segments in all lens dimensions at once, by interval, under one number: so that money is first summed
-- by set and only then, a few rows, posted to the segments of each dimension.
with edges as (
    select distinct
        account_id,
        valid_from
    from {{ ref('dim_account_segment') }}
),

intervals as (
    select
        account_id,
        valid_from,
        lead(valid_from, 1, date '9999-12-31') over (partition by account_id order by valid_from) as valid_to
    from edges
),

named as (
    select
        intervals.account_id,
        intervals.valid_from,
        intervals.valid_to,
        string_agg(segments.dimension || chr(31) || segments.segment, chr(30) order by segments.dimension)
            as segment_set
    from intervals
    inner join {{ ref('dim_account_segment') }} as segments
        on intervals.account_id = segments.account_id
            and intervals.valid_from >= segments.valid_from
            and intervals.valid_from < segments.valid_to
    group by intervals.account_id, intervals.valid_from, intervals.valid_to
)

select
    account_id,
    valid_from,
    valid_to,
    dense_rank() over (order by segment_set) as set_id
from named
