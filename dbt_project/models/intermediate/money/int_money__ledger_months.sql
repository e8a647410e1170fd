-- The general ledger by month, class and product line in the reporting currency. An amount without a rate leaves the
-- whole sum unknown, not smaller.
select
    month_start,
    revenue_class,
    product_line,
    case when count(*) = count(amount) then sum(amount) end as amount
from {{ ref('int_money__ledger_entries') }}
group by month_start, revenue_class, product_line
