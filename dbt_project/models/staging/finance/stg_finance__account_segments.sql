select
    account_id,
    dimension,
    value as segment,
    valid_from,
    valid_to,
    assigned_by
from {{ source('finance', 'account_segments') }}
