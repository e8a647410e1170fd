-- The register of closed months: every closing and reopening, with what the closed figures were computed from.
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
    is_in_force
from {{ ref('stg_closes__records') }}
