-- The board's metrics as they were closed: of the closed month, and of the fiscal quarter that ends with it. The rows of
-- every close, also of one that was reopened later. Nothing in it moves.
select
    reported.month_start,
    reported.close_number,
    reported.period_type,
    reported.period_start,
    reported.metric_key,
    reported.dimension,
    reported.segment,
    reported.scope,
    reported.scope_key,
    reported.metric_name,
    reported.kind,
    reported.value,
    reported.numerator,
    reported.denominator,
    reported.unit,
    reported.previous_value,
    reported.year_ago_value,
    reported.target,
    reported.status,
    reported.direction,
    reported.owner,
    reported.is_small,
    reported.is_complete,
    reported.board_position,
    reported.definition,
    reported.definition_hash,
    records.closed_at,
    records.run_id,
    records.source_hash,
    records.policy_hash
from {{ ref('stg_closes__board_metrics') }} as reported
inner join {{ ref('stg_closes__records') }} as records
    on reported.month_start = records.month_start
        and reported.close_number = records.close_number
