-- The segment of every lens dimension that each set of int_money__account_segment_sets stands for.
with examples as (
    select
        set_id,
        min(account_id) as account_id
    from {{ ref('int_money__account_segment_sets') }}
    group by set_id
),

intervals as (
    select
        sets.set_id,
        sets.account_id,
        min(sets.valid_from) as valid_from
    from {{ ref('int_money__account_segment_sets') }} as sets
    inner join examples
        on sets.set_id = examples.set_id
            and sets.account_id = examples.account_id
    group by sets.set_id, sets.account_id
)

select
    intervals.set_id,
    segments.dimension,
    segments.segment
from intervals
inner join {{ ref('dim_account_segment') }} as segments
    on intervals.account_id = segments.account_id
        and intervals.valid_from >= segments.valid_from
        and intervals.valid_from < segments.valid_to
