-- Active users and accounts by month as the board reads them: over everything, by product line and by feature set.
select
    periods.period_start as month_start,
    periods.unit,
    periods.dimension,
    periods.segment,
    periods.scope,
    periods.scope_key,
    periods.active,
    periods.daily_active_sum,
    periods.rolling_28d_sum,
    periods.is_complete
from {{ ref('active_usage') }} as periods
inner join {{ ref('int_usage__watermarks') }} as watermarks
    on periods.period_start <= watermarks.usage_watermark
where periods.period_grain = 'month'
    and periods.scope in ('all', 'product_line', 'feature_set')
