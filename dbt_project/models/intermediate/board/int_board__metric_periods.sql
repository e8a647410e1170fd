-- Metrics by month and by fiscal quarter. A quarter's stock is that of its last month end and a flow its sum; a rate is
-- computed anew from numerator and denominator, both taken at the last month end or both added up, as the registry says.
-- What is unknown in one of its months is unknown in the quarter.
with spoken as (
    select
        periods.period_type,
        periods.period_start,
        periods.is_complete,
        months.*,
        metrics.quarter_rule
    from {{ ref('int_board__metric_months') }} as months
    inner join {{ ref('int_board__periods') }} as periods
        on months.month_start = periods.month_start
    inner join {{ ref('stg_board__metrics') }} as metrics
        on months.metric_key = metrics.metric_key
    where metrics.quarter_rule = 'sum' or periods.is_last_month
)

select
    period_type,
    period_start,
    metric_key,
    dimension,
    segment,
    scope,
    scope_key,
    cast(case when count(*) = count(numerator) then sum(numerator) end as decimal(18, 2)) as numerator,
    cast(case when count(*) = count(denominator) then sum(denominator) end as decimal(18, 2)) as denominator,
    -- what flows speak of are the accounts at the beginning
    arg_min(accounts, month_start) as accounts,
    is_complete
from spoken
group by period_type, period_start, metric_key, dimension, segment, scope, scope_key, is_complete

union all

-- contracts fall due by quarter
select
    'quarter' as period_type,
    renewals.quarter_start as period_start,
    'renewal_rate' as metric_key,
    renewals.dimension,
    renewals.segment,
    renewals.scope,
    renewals.scope_key,
    cast(renewals.arr_renewed as decimal(18, 2)) as numerator,
    cast(renewals.arr_due_to_date as decimal(18, 2)) as denominator,
    renewals.accounts_due as accounts,
    quarters.is_complete
from {{ ref('int_board__renewals') }} as renewals
inner join {{ ref('int_board__periods') }} as quarters
    on quarters.period_type = 'quarter'
        and quarters.is_last_month
        and renewals.quarter_start = quarters.period_start
