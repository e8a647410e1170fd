-- Products and the product line they are counted in. A product whose line changed has one row per period.
select
    product_id,
    product_name,
    product_line,
    product_family,
    is_recurring,
    valid_from,
    valid_to
from {{ ref('stg_finance__products') }}
