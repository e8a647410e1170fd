-- Recurring revenue of the general ledger in the reporting currency. A view: its readers filter it further.
{{ config(materialized='view') }}

select
    month_start,
    gl_account,
    product_line,
    segment,
    currency,
    amount
from {{ ref('int_money__ledger_entries') }}
where revenue_class = 'recurring'
