select
    bundle_product_id,
    product_line,
    share,
    valid_from
from {{ source('finance', 'bundle_allocation') }}
