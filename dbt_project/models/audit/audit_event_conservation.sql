-- One row per upload day (UTC): does every record read from its hours lie somewhere?
-- records read = staged + duplicates + quarantined + erased, hour by hour.
with hours as (
    select
        cast(upload_hour as date) as upload_date,
        coalesce(records, 0) as records,
        coalesce(records, 0)
        - coalesce(staged, 0) - coalesce(duplicates, 0) - coalesce(quarantined, 0) - coalesce(erased, 0) as missing
    from {{ source('amplitude', 'amplitude_hours') }}
)

select
    cast(upload_date as varchar) as subject,
    true as is_configured,
    true as has_data,
    count(*) as hours,
    cast(sum(records) as bigint) as records,
    cast(sum(missing) as bigint) as missing_records,
    cast(sum(case when missing <> 0 then 1 else 0 end) as bigint) as hours_off
from hours
group by upload_date
