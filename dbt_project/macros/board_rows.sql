{# Metrics by month and fiscal quarter, given as numerator and denominator, as the board sees them: with their value, the
   period before, the year before and the target. A period that is not over is shown and compared with nothing. #}
{% macro board_rows(periods) %}
with figures as (
    select
        periods.*,
        case
            when metrics.kind = 'rate' then cast(periods.numerator as double) / nullif(periods.denominator, 0)
            else cast(periods.numerator as double)
        end as value
    from {{ periods }} as periods
    inner join {{ ref('stg_board__metrics') }} as metrics
        on periods.metric_key = metrics.metric_key
),

compared as (
    select
        *,
        case
            when not is_complete then null
            when period_type = 'month' then {{ months_earlier(1) }}
            else {{ months_earlier(3) }}
        end as previous_value,
        case when is_complete then {{ months_earlier(12) }} end as year_ago_value
    from figures
),

described as (
    select
        compared.*,
        metrics.metric_name,
        metrics.kind,
        metrics.unit,
        metrics.direction,
        metrics.owner,
        metrics.board_position,
        metrics.publish_group,
        metrics.definition,
        metrics.definition_hash,
        -- a target is the company's; one of a flow is for a quarter
        case
            when compared.dimension = 'all'
                and compared.scope = 'all'
                and (metrics.kind <> 'flow' or compared.period_type = 'quarter')
                then metrics.target
        end as target,
        coalesce(compared.accounts < 10, false) as is_small
    from compared
    inner join {{ ref('stg_board__metrics') }} as metrics
        on compared.metric_key = metrics.metric_key
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
    definition_hash,
    publish_group
from described
{% endmacro %}
