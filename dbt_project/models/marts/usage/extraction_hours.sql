-- The ledger of upload hours, published so that gaps in the marts can be traced to the hours that cause them.
select
    upload_hour,
    state,
    parts,
    records,
    staged,
    duplicates,
    late_resends,
    quarantined,
    erased,
    bytes,
    sha256,
    attempts,
    loaded_at
from {{ source('amplitude', 'amplitude_hours') }}
