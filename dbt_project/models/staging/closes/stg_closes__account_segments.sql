-- The segment each account with money was in at the end of a closed month, as it was closed.
select
    month_start,
    close_number,
    account_id,
    dimension,
    segment
from {{ source('closes', 'closed_account_segments') }}
