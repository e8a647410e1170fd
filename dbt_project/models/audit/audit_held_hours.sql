-- One row: the upload hours that hold the usage watermark, or would hold it next. Hours that are only not ready yet
-- are the end of every download and hold nothing.
with held as (
    select upload_hour
    from {{ source('amplitude', 'amplitude_hours') }}
    where state in ('partial', 'failed')
),

listed as (
    select upload_hour
    from held
    order by upload_hour
    limit 24
)

select
    'upload hours' as subject,
    true as is_configured,
    (select count(*) from {{ source('amplitude', 'amplitude_hours') }}) > 0 as has_data,
    (select count(*) from held) as held_hours,
    (select string_agg(strftime(upload_hour, '%Y-%m-%dT%H'), ' ' order by upload_hour) from listed) as first_held_hours
