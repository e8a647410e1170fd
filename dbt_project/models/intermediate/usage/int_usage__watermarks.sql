-- The last complete local day of usage, and of usage and money together. One row.
with hours as (
    select
        upload_hour,
        state in ('loaded', 'empty', 'accepted') as is_final,
        lag(upload_hour) over (order by upload_hour) as previous_hour
    from {{ source('amplitude', 'amplitude_hours') }}
),

-- the prefix without a hole: it ends at the first hour that is not final or that follows a missing one
prefix as (
    select
        min(upload_hour) as first_hour,
        coalesce(
            min(
                case
                    when not is_final then upload_hour
                    when upload_hour > previous_hour + interval 1 hour then previous_hour + interval 1 hour
                end
            ),
            max(upload_hour) + interval 1 hour
        ) as final_until
    from hours
),

-- at local midnight the day before is complete; the clock of the company decides, so a 23 or 25 hour day is one day
local_days as (
    select
        cast({{ to_company_time('prefix.first_hour') }} as date) as first_date,
        cast({{ to_company_time('prefix.final_until') }} as date) - 1 as last_complete_date
    from prefix
),

usage as (
    select
        first_date,
        case when last_complete_date >= first_date then last_complete_date end as usage_watermark
    from local_days
)

select
    usage.first_date,
    usage.usage_watermark,
    case
        when usage.usage_watermark <= finance_state.as_of then usage.usage_watermark
        when usage.usage_watermark > finance_state.as_of then finance_state.as_of
    end as joint_watermark
from usage
left join {{ source('finance', 'finance_state') }} as finance_state on true
