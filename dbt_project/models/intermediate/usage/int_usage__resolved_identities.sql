-- Whose the anonymous identities are that this run has to decide: those of the planned dates, and on any date those on
-- a device or of an Amplitude id that somebody was known by on a planned date, now or before this run, or that a new
-- merge joins. On a full refresh, all. Read in this order: the one user id of the (merged) Amplitude id; the user known
-- last on the device before; the user known first on it after; the Amplitude id; the device.
{% set merged_id = 'coalesce(merges.survivor, days.amplitude_id)' %}
with days as (
    select *
    from {{ ref('int_usage__identity_day') }}
),

merges as (
    select amplitude_id, survivor
    from {{ source('amplitude', 'amplitude_merges') }}
),

merged_days as (
    select days.*, {{ merged_id }} as merged_id
    from days
    left join merges on days.amplitude_id = merges.amplitude_id
),

{% if flags.FULL_REFRESH %}

undecided as (
    select local_date, amplitude_id, device_id, device_user_id, merged_id
    from merged_days
    where user_id is null
),

{% else %}

planned as (
    select local_date
    from {{ source('amplitude', 'rebuild_plan') }}
    where layer = 'events'
),

seen as (
    select amplitude_id, device_id
    from days
    where {{ planned_predicate('local_date', 'events') }}
        and user_id is not null

    union

    select amplitude_id, device_id
    from {{ source('amplitude', 'identities_before') }}
),

changed_merges as (
    select former.survivor as former_id, merges.survivor as merged_id, amplitude_id
    from {{ source('amplitude', 'built_merges') }} as former
    full join merges using (amplitude_id)
    where former.survivor is distinct from merges.survivor
),

touched_ids as (
    select coalesce(merges.survivor, seen.amplitude_id) as merged_id
    from seen
    left join merges on seen.amplitude_id = merges.amplitude_id
    where seen.amplitude_id is not null

    union

    select unnest([amplitude_id, former_id, merged_id]) as merged_id
    from changed_merges
),

undecided as (
    select local_date, amplitude_id, device_id, device_user_id, merged_id
    from merged_days
    where user_id is null
        and (
            local_date in (select planned.local_date from planned)
            or device_id in (select seen.device_id from seen where seen.device_id is not null)
            or merged_id in (select touched_ids.merged_id from touched_ids where touched_ids.merged_id is not null)
        )
),

{% endif %}

-- an id with two user ids is nobody's: two users never merge
named as (
    select merged_id, min(user_id) as user_id
    from merged_days
    where user_id is not null
        and merged_id in (select undecided.merged_id from undecided)
    group by merged_id
    having min(user_id) = max(user_id)
),

device_days as (
    select
        device_id,
        local_date,
        first(user_id order by first_occurred_at, user_id) as first_user_id,
        last(user_id order by last_occurred_at, user_id) as last_user_id
    from days
    where user_id is not null
        and device_id in (select undecided.device_id from undecided)
    group by device_id, local_date
),

decided as (
    select
        undecided.*,
        named.user_id as named_user_id,
        coalesce(undecided.device_user_id, earlier.last_user_id, later.first_user_id) as timeline_user_id
    from undecided
    left join named on undecided.merged_id = named.merged_id
    asof left join device_days as earlier
        on undecided.device_id = earlier.device_id
            and undecided.local_date > earlier.local_date
    asof left join device_days as later
        on undecided.device_id = later.device_id
            and undecided.local_date <= later.local_date
)

-- the prefixes keep an id of one kind from being taken for an id of another
select
    local_date,
    amplitude_id,
    device_id,
    device_user_id,
    coalesce(
        named_user_id,
        timeline_user_id,
        'amplitude:' || cast(merged_id as varchar),
        'device:' || coalesce(device_id, 'unknown')
    ) as user_key,
    case
        when named_user_id is not null and merged_id <> amplitude_id then 'merge'
        when named_user_id is not null then 'amplitude_id'
        when timeline_user_id is not null then 'device'
        else 'anonymous'
    end as resolved_by
from decided
