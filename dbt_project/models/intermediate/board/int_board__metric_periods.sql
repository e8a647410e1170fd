-- Metrics by month and by fiscal quarter. A quarter's stock is that of its last month end and a flow its sum; a rate is
-- computed anew from numerator and denominator, both taken at the last month end or both added up, as the registry says.
select
    periods.period_type,
    periods.period_start,
    months.metric_key,
    months.dimension,
    months.segment,
    months.scope,
    months.scope_key,
    cast(
        sum(case when metrics.quarter_rule = 'sum' or periods.is_last_month then months.numerator end)
        as decimal(18, 2)
    ) as numerator,
    cast(
        sum(case when metrics.quarter_rule = 'sum' or periods.is_last_month then months.denominator end)
        as decimal(18, 2)
    ) as denominator,
    -- what flows speak of are the accounts at the beginning
    case
        when metrics.quarter_rule = 'sum' then arg_min(months.accounts, months.month_start)
        else sum(case when periods.is_last_month then months.accounts end)
    end as accounts,
    periods.is_complete
from {{ ref('int_board__metric_months') }} as months
inner join {{ ref('int_board__periods') }} as periods
    on months.month_start = periods.month_start
inner join {{ ref('stg_board__metrics') }} as metrics
    on months.metric_key = metrics.metric_key
group by
    periods.period_type, periods.period_start, periods.is_complete, metrics.quarter_rule, months.metric_key,
    months.dimension, months.segment, months.scope, months.scope_key
having bool_or(metrics.quarter_rule = 'sum' or periods.is_last_month)
