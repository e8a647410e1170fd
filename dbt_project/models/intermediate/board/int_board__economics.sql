-- What the general ledger tells of the company and of every product line, for every month of money: a month that the
-- ledger is silent about is there without figures, so that no quarter is made of what is left of it.
with units as (
    select distinct
        product_line,
        is_total
    from {{ ref('product_economics') }}
)

select
    months.month_start,
    'all' as dimension,
    'all' as segment,
    case when units.is_total then 'all' else 'product_line' end as scope,
    case when units.is_total then 'all' else units.product_line end as scope_key,
    ledger.revenue,
    ledger.cogs,
    ledger.net_new_arr_quarter,
    ledger.s_and_m_quarter_before
from units
cross join {{ ref('int_calendar__money_months') }} as months
left join {{ ref('product_economics') }} as ledger
    on months.month_start = ledger.month_start
        and units.product_line = ledger.product_line
        and units.is_total = ledger.is_total
