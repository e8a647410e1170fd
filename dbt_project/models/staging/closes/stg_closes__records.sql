-- Closings and reopenings. A close stands as long as no later record of its month follows it.
select
    month_start,
    close_number,
    kind,
    why,
    closed_at,
    run_id,
    release_id,
    reporting_currency,
    source_hash,
    policy_hash,
    definition_hash,
    kind = 'close'
    and close_number = max(close_number) over (partition by month_start) as is_in_force
from {{ source('closes', 'closes') }}
