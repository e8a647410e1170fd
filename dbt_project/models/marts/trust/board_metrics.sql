-- The board's metrics by month and fiscal quarter, beside the period before, the year before and the target. A period
-- that is not over is shown and compared with nothing.
with figures as (
    select
        periods.*,
        metrics.metric_name,
        metrics.kind,
        metrics.unit,
        metrics.direction,
        metrics.owner,
        metrics.board_position,
        metrics.definition,
        metrics.definition_hash,
        case
            when metrics.kind = 'rate' then cast(periods.numerator as double) / nullif(periods.denominator, 0)
            else cast(periods.numerator as double)
        end as value,
        -- a target is the company's; one of a flow is for a quarter
        case
            when periods.dimension = 'all'
                and periods.scope = 'all'
                and (metrics.kind <> 'flow' or periods.period_type = 'quarter')
                then metrics.target
        end as target,
        coalesce(periods.accounts < 10, false) as is_small,
        case periods.period_type when 'month' then 1 else 3 end as months
    from {{ ref('int_board__metric_periods') }} as periods
    inner join {{ ref('stg_board__metrics') }} as metrics
        on periods.metric_key = metrics.metric_key
),

compared as (
    select
        figures.*,
        case when figures.is_complete then previous.value end as previous_value,
        case when figures.is_complete then year_ago.value end as year_ago_value
    from figures
    left join figures as previous
        on previous.period_start = cast({{ dbt.dateadd('month', '-figures.months', 'figures.period_start') }} as date)
            and figures.period_type = previous.period_type
            and figures.metric_key = previous.metric_key
            and figures.dimension = previous.dimension
            and figures.segment = previous.segment
            and figures.scope = previous.scope
            and figures.scope_key = previous.scope_key
    left join figures as year_ago
        on year_ago.period_start = cast({{ dbt.dateadd('month', -12, 'figures.period_start') }} as date)
            and figures.period_type = year_ago.period_type
            and figures.metric_key = year_ago.metric_key
            and figures.dimension = year_ago.dimension
            and figures.segment = year_ago.segment
            and figures.scope = year_ago.scope
            and figures.scope_key = year_ago.scope_key
)

select
    period_type,
    period_start,
    metric_key,
    dimension,
    segment,
    scope,
    scope_key,
    metric_name,
    kind,
    value,
    numerator,
    denominator,
    unit,
    previous_value,
    year_ago_value,
    target,
    case
        when not is_complete then 'incomplete'
        when value is null then 'no_value'
        when target is null then 'no_target'
        when is_small then 'too_small'
        when direction = 'higher_is_better' and value >= target then 'on_target'
        when direction = 'lower_is_better' and value <= target then 'on_target'
        else 'off_target'
    end as status,
    direction,
    owner,
    is_small,
    is_complete,
    board_position,
    definition,
    definition_hash
from compared
