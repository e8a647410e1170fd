select
    rate_date,
    from_currency,
    to_currency,
    rate,
    rate_type
from {{ source('finance', 'fx_rates') }}
