-- Users who, when the last build ended well, named an account or were marked as internal on a date that is redone now,
-- or may have been by events that are somebody else's now. What they lent to their other dates may have to be taken back.
with left_users as (
    select distinct former.local_date, former.user_key, anonymous.user_key as new_user_key
    from {{ source('amplitude', 'built_identities') }} as former
    inner join {{ ref('int_usage__identity_dates') }} as redone on former.local_date = redone.local_date
    left join {{ ref('int_usage__anonymous_day') }} as anonymous
        on former.local_date = anonymous.local_date
            and former.amplitude_id is not distinct from anonymous.amplitude_id
            and former.device_id is not distinct from anonymous.device_id
    where former.user_key is distinct from anonymous.user_key
)

select
    left_users.local_date,
    left_users.user_key,
    true as names_account,
    coalesce(days.marks_internal, left_users.new_user_key is null) as marks_internal
from left_users
left join {{ ref('int_usage__named_day') }} as days
    on left_users.new_user_key = days.user_key
        and left_users.local_date = days.local_date

union

-- who is marked still, on whatever date, was and stays internal
select
    former.local_date,
    former.user_key,
    former.names_account,
    former.marks_internal
    and former.user_key not in (
        select days.user_key
        from {{ ref('int_usage__named_day') }} as days
        where days.marks_internal
    ) as marks_internal
from {{ source('amplitude', 'namings_before') }} as former
