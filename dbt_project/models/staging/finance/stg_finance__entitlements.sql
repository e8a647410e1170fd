-- What an account may use from when to when, and for how many seats.
select
    account_id,
    nullif(product_line, '') as product_line,
    nullif(feature_key, '') as feature_key,
    seats,
    valid_from,
    coalesce(valid_to, date '9999-12-31') as valid_to
from {{ source('finance', 'entitlements') }}
