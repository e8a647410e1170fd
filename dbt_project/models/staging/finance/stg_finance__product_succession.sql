select
    from_product_id,
    to_product_id,
    effective_date
from {{ source('finance', 'product_succession') }}
