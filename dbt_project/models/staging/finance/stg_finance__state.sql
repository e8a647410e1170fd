-- What finance handed over and the date it speaks for. One row.
select
    mode,
    as_of,
    delivery_number,
    content_hash as source_hash,
    has_invoices,
    has_gl,
    has_control_totals,
    has_entitlements
from {{ source('finance', 'finance_state') }}
