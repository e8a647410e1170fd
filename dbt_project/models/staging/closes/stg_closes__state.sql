-- The run that builds and the models it builds with. One row.
select
    run_id,
    definition_hash
from {{ source('closes', 'closes_state') }}
