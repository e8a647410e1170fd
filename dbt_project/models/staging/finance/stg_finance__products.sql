select
    product_id,
    product_name,
    product_line,
    product_family,
    coalesce(is_recurring, true) as is_recurring,
    valid_from,
    valid_to
from {{ source('finance', 'products') }}
