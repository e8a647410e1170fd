-- int_usage__scope_month up to the watermark: no mart knows of a later date.
{{ config(materialized='view') }}

select
    days.month_start,
    days.user_key,
    days.account_id,
    days.scope_no,
    days.days & case
        when watermarks.usage_watermark - days.month_start >= 31 then 2147483647
        else (cast(1 as bigint) << cast(watermarks.usage_watermark - days.month_start + 1 as bigint)) - 1
    end as days
from {{ ref('int_usage__scope_month') }} as days
inner join {{ ref('int_usage__watermarks') }} as watermarks
    on days.month_start <= watermarks.usage_watermark
