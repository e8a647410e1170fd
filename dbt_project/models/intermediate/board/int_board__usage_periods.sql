-- Metrics of usage by month and fiscal quarter. Distinct counts are never added up: a quarter is its last month, or the
-- latest there is while it runs. It is over when its third month is, which money and usage may be on different days.
with months as (
    select
        months.*,
        {{ fiscal_quarter_start('months.month_start', 'settings.fiscal_year_starts_in') }} as quarter_start,
        metrics.publish_group
    from {{ ref('int_board__usage_months') }} as months
    inner join {{ ref('stg_board__metrics') }} as metrics
        on months.metric_key = metrics.metric_key
    cross join {{ ref('stg_company__settings') }} as settings
),

-- the last month of the source and not of the cell: what is not there any more is not what it once was
last_months as (
    select
        publish_group,
        quarter_start,
        max(month_start) as month_start
    from months
    group by publish_group, quarter_start
)

select
    'month' as period_type,
    month_start as period_start,
    metric_key, dimension, segment, scope, scope_key, numerator, denominator, accounts, is_complete
from months

union all

select
    'quarter' as period_type,
    months.quarter_start as period_start,
    months.metric_key, months.dimension, months.segment, months.scope, months.scope_key,
    months.numerator, months.denominator, months.accounts,
    months.is_complete
        and months.month_start = cast({{ dbt.dateadd('month', 2, 'months.quarter_start') }} as date) as is_complete
from months
inner join last_months
    on months.publish_group = last_months.publish_group
        and months.month_start = last_months.month_start
