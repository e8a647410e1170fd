-- The segments that make up each combination, the total 'all' among them: read off one account that was in it.
with examples as (
    select
        segment_set,
        min((account_id, valid_from)) as example
    from {{ ref('int_company__segment_sets') }}
    group by segment_set
)

select
    examples.segment_set,
    cast(dense_rank() over (order by segments.dimension, segments.segment) as integer) as member_number,
    segments.dimension,
    segments.segment,
    segments.is_total
from examples
inner join {{ ref('int_company__account_segments') }} as segments
    on examples.example[1] = segments.account_id
        and examples.example[2] >= segments.valid_from
        and examples.example[2] < segments.valid_to
