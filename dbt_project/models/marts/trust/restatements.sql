-- What closed months would be reported as today, and why: restated minus as reported, part by part. Empty as long as
-- nothing changed under a closed month.
with parts as (
    select
        month_start, close_number, account_id, product_line, currency,
        'all' as dimension, 'all' as segment, as_reported, restated,
        fx_delta as delta, 'fx' as cause
    from {{ ref('int_money__restated_arr') }}

    union all

    select
        month_start, close_number, account_id, product_line, currency,
        'all' as dimension, 'all' as segment, as_reported, restated,
        restated - as_reported - fx_delta as delta, other_cause as cause
    from {{ ref('int_money__restated_arr') }}

    union all

    select
        month_start, close_number, account_id, product_line, currency,
        dimension, segment, as_reported, restated,
        restated - as_reported as delta, 'segment' as cause
    from {{ ref('int_money__restated_segments') }}
)

select
    parts.month_start,
    parts.close_number,
    parts.account_id,
    parts.product_line,
    parts.currency,
    parts.dimension,
    parts.segment,
    parts.as_reported,
    parts.restated,
    cast(parts.delta as decimal(18, 2)) as delta,
    parts.cause,
    coalesce(seen.first_seen_run, closes_state.run_id) as first_seen_run
from parts
cross join {{ ref('stg_closes__state') }} as closes_state
left join {{ ref('stg_closes__restatements_seen') }} as seen
    on parts.month_start = seen.month_start
        and parts.close_number = seen.close_number
        and parts.account_id = seen.account_id
        and parts.product_line = seen.product_line
        and parts.currency = seen.currency
        and parts.dimension = seen.dimension
        and parts.segment = seen.segment
        and parts.cause = seen.cause
        and parts.delta = seen.delta
where parts.delta <> 0
