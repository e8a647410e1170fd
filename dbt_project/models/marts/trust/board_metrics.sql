-- The board's metrics by month and fiscal quarter: money, and what product did for it.
select * from {{ ref('int_board__money_metrics') }}

union all

select * from {{ ref('int_board__usage_metrics') }}
