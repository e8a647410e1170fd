-- Which segments an account was in, all dimensions at once, by date: one number for each combination that occurs. Sums
-- over accounts are taken by this number first and spread over the dimensions last, when few rows are left.
with starts as (
    select distinct account_id, valid_from
    from {{ ref('int_company__account_segments') }}
),

combined as (
    select
        starts.account_id,
        starts.valid_from,
        string_agg(segments.dimension || chr(31) || segments.segment, chr(30) order by segments.dimension) as members
    from starts
    inner join {{ ref('int_company__account_segments') }} as segments
        on starts.account_id = segments.account_id
            and starts.valid_from >= segments.valid_from
            and starts.valid_from < segments.valid_to
    group by starts.account_id, starts.valid_from
)

select
    account_id,
    cast(dense_rank() over (order by members) as integer) as segment_set,
    valid_from,
    lead(valid_from, 1, date '9999-12-31') over (partition by account_id order by valid_from) as valid_to
from combined
