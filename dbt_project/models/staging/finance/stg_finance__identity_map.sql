-- Which Amplitude value names which account, and when.
select
    account_id,
    amplitude_value,
    coalesce(valid_from, date '0001-01-01') as valid_from,
    coalesce(valid_to, date '9999-12-31') as valid_to,
    method
from {{ source('finance', 'identity_map') }}
