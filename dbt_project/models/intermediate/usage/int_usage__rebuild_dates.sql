-- The rebuild plan with what identity and attribution drag along. `activity` names exact dates: the planned ones and
-- those of changed identities, those whose events belong to the account that the user named on such a date, and all
-- dates of users newly found to be internal, or perhaps no longer. `marts` and `adoption` name the date from which on
-- windowed rows are redone. Former contents are only asked as the last finished build left them, so a killed run finds
-- the same dates again.
with planned as (
    select local_date
    from {{ ref('int_usage__identity_dates') }}
),

lending as (
    select days.user_key
    from {{ ref('int_usage__named_day') }} as days
    inner join planned on days.local_date = planned.local_date
    where days.day_account_id is not null

    union

    select user_key
    from {{ ref('int_usage__former_namings') }}
    where names_account
),

lending_users as (
    select user_key
    from lending
    where exists(select 1 from {{ source('company', 'account_ways') }} as ways where ways.way = 'user_membership')
),

-- dates on which a user named no account at all: they borrow the account from the user's other dates
borrowing_dates as (
    select distinct days.user_key, days.local_date
    from {{ ref('int_usage__named_day') }} as days
    where days.day_account_id is null
        and days.user_key in (select user_key from lending_users)
),

named_before as (
    select distinct days.user_key
    from {{ ref('int_usage__named_day') }} as days
    where days.day_account_id is not null
        and days.local_date < (select min(local_date) from planned)
        and days.user_key in (select user_key from borrowing_dates)
),

-- an account named before the planned dates keeps the dates before them as they are
borrowing as (
    select user_key, local_date
    from borrowing_dates
    where local_date > (select min(local_date) from planned)
        or user_key not in (select user_key from named_before)
),

timeline as (
    select user_key, local_date, cast(null as date) as named_on
    from borrowing

    union all

    select distinct days.user_key, days.local_date, days.local_date as named_on
    from {{ ref('int_usage__named_day') }} as days
    where days.day_account_id is not null
        and days.user_key in (select user_key from borrowing)

    union all

    -- who perhaps named an account on a planned date before, and no longer does
    select user_key, local_date, local_date as named_on
    from {{ ref('int_usage__former_namings') }}
    where names_account
        and user_key in (select user_key from borrowing)
),

lenders as (
    select
        local_date,
        named_on,
        coalesce(
            max(named_on) over (
                partition by user_key order by local_date rows between unbounded preceding and current row
            ),
            min(named_on) over (
                partition by user_key order by local_date rows between current row and unbounded following
            )
        ) as lender_date
    from timeline
),

-- marked on planned dates only: perhaps not yet known to be internal when the other dates were built; or marked by
-- events that are gone, or somebody else's now
newly_judged as (
    select days.user_key
    from {{ ref('int_usage__named_day') }} as days
    left join planned on days.local_date = planned.local_date
    where days.marks_internal
    group by days.user_key
    having count(*) = count(planned.local_date)

    union

    select user_key
    from {{ ref('int_usage__former_namings') }}
    where marks_internal
),

activity as (
    select local_date
    from planned

    union

    select lenders.local_date
    from lenders
    inner join planned on lenders.lender_date = planned.local_date
    where lenders.named_on is null

    union

    select days.local_date
    from {{ ref('int_usage__named_day') }} as days
    where days.user_key in (select user_key from newly_judged)
),

starts as (
    select
        min(case when layer = 'marts' then local_date end) as marts_from,
        min(case when layer = 'adoption' then local_date end) as adoption_from
    from {{ source('amplitude', 'rebuild_plan') }}
),

-- rows after the watermark never stay, whatever the plan says
windowed as (
    select
        case
            when coalesce(starts.marts_from, activity.first_date) is not null
                then least(starts.marts_from, activity.first_date, watermarks.usage_watermark + 1)
        end as marts_from,
        starts.adoption_from
    from starts
    cross join (select min(local_date) as first_date from activity) as activity
    cross join {{ ref('int_usage__watermarks') }} as watermarks
)

select 'activity' as layer, local_date from activity
union all
select 'marts' as layer, marts_from as local_date from windowed where marts_from is not null
union all
select 'adoption' as layer, least(adoption_from, marts_from) as local_date
from windowed
where coalesce(adoption_from, marts_from) is not null
