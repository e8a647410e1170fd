-- The dates whose events belong to other users or accounts than the last finished build said: the planned ones, and
-- those on which an anonymous identity now is somebody else. Compared with what that build left behind, not with the
-- tables that this run replaces, so a killed run finds the same dates again.
select local_date, 'activity' as layer
from {{ source('amplitude', 'rebuild_plan') }}
where layer = 'activity'

union

select resolved.local_date, 'activity' as layer
from {{ ref('int_usage__resolved_identities') }} as resolved
left join {{ source('amplitude', 'built_identities') }} as former
    on resolved.local_date = former.local_date
        and resolved.amplitude_id is not distinct from former.amplitude_id
        and resolved.device_id is not distinct from former.device_id
        and resolved.device_user_id is not distinct from former.device_user_id
where resolved.user_key is distinct from former.user_key
    or resolved.resolved_by is distinct from former.resolved_by
