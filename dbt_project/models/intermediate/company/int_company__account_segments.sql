-- Every customer account's segment in every lens dimension, without gaps and without end, so that a join on a date
-- always finds exactly one row; plus the total segment 'all'.
{% set beginning = "date '1900-01-01'" %}
{% set forever = "date '9999-12-31'" %}

with cells as (
    select
        accounts.account_id,
        lens.dimension
    from {{ ref('int_company__accounts') }} as accounts
    cross join {{ ref('stg_company__lens_dimensions') }} as lens
),

assigned as (
    select
        cells.account_id,
        cells.dimension,
        coalesce(nullif(segments.segment, ''), 'unassigned') as segment,
        greatest(segments.valid_from, {{ beginning }}) as valid_from,
        coalesce(segments.valid_to, {{ forever }}) as valid_to
    from cells
    inner join {{ ref('stg_finance__account_segments') }} as segments
        on cells.account_id = segments.account_id
            and cells.dimension = segments.dimension
    where segments.valid_from < coalesce(segments.valid_to, {{ forever }})
        and coalesce(segments.valid_to, {{ forever }}) > {{ beginning }}
),

-- the time before an assignment that no earlier one covers
gaps_before as (
    select
        account_id,
        dimension,
        'unassigned' as segment,
        lag(valid_to, 1, {{ beginning }}) over (partition by account_id, dimension order by valid_from) as valid_from,
        valid_from as valid_to
    from assigned
),

gaps_after as (
    select
        cells.account_id,
        cells.dimension,
        'unassigned' as segment,
        coalesce(max(assigned.valid_to), {{ beginning }}) as valid_from,
        {{ forever }} as valid_to
    from cells
    left join assigned
        on cells.account_id = assigned.account_id
            and cells.dimension = assigned.dimension
    group by cells.account_id, cells.dimension
),

totals as (
    select
        account_id,
        'all' as dimension,
        'all' as segment,
        {{ beginning }} as valid_from,
        {{ forever }} as valid_to
    from {{ ref('int_company__accounts') }}
),

covered as (
    select account_id, dimension, segment, valid_from, valid_to from assigned
    union all
    select account_id, dimension, segment, valid_from, valid_to from gaps_before
    union all
    select account_id, dimension, segment, valid_from, valid_to from gaps_after
    union all
    select account_id, dimension, segment, valid_from, valid_to from totals
)

select
    account_id,
    dimension,
    segment,
    dimension = 'all' as is_total,
    valid_from,
    valid_to
from covered
where valid_from < valid_to
