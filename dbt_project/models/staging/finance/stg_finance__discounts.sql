select
    discount_id,
    item_id,
    subscription_id,
    kind,
    value as discount_value,
    duration,
    starts_on,
    ends_on,
    currency
from {{ source('finance', 'discounts') }}
