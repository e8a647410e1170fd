select
    invoice_id,
    line_id,
    account_id,
    item_id,
    product_id,
    invoice_date,
    service_start,
    service_end,
    amount,
    currency,
    is_proration,
    is_recurring,
    line_type,
    lower(invoice_status) as invoice_status
from {{ source('finance', 'invoice_lines') }}
