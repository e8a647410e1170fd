-- Complete upload hours of the last seven days, beside the same hour of the week in the eight weeks before them. An hour is
-- odd when it is beyond twice or half of the median, beyond its own spread (five standard deviations, by the MAD), and
-- beyond chance: events come in sessions of 15 or so, so the root of a count strays by 1.9, and four times that is odd.
with recent as (
    {{ drift_window() }}
),

complete_hours as (
    select
        upload_hour,
        cast(coalesce(staged, 0) as bigint) as events,
        {{ to_company_time('upload_hour') }} as local_hour
    from {{ source('amplitude', 'amplitude_hours') }}
    where state in ('loaded', 'empty', 'accepted')
),

placed as (
    select
        hours.upload_hour,
        hours.events,
        isodow(hours.local_hour) * 24 + hour(hours.local_hour) as hour_of_week,
        hours.upload_hour >= recent.starts_on as is_recent
    from complete_hours as hours
    inner join recent
        on hours.upload_hour >= recent.starts_on - 56
            and hours.upload_hour < recent.ends_on + 1
),

history as (
    select
        hour_of_week,
        median(events) as usual,
        mad(cast(events as double)) as spread,
        count(*) as weeks
    from placed
    where not is_recent
    group by hour_of_week
    having count(*) >= 4
),

judged as (
    select
        placed.upload_hour,
        placed.events,
        history.weeks,
        cast(history.usual as double) as usual,
        least(
            history.usual / 2,
            greatest(history.usual - 5 * 1.4826 * history.spread, 0),
            greatest(sqrt(history.usual) - 7.75, 0) ** 2
        ) as least_expected,
        greatest(
            history.usual * 2,
            history.usual + 5 * 1.4826 * history.spread,
            (sqrt(history.usual) + 7.75) ** 2
        ) as most_expected
    from placed
    inner join history on placed.hour_of_week = history.hour_of_week
    where placed.is_recent
)

select
    upload_hour,
    events,
    usual,
    least_expected,
    most_expected,
    weeks,
    events < least_expected or events > most_expected as is_odd,
    'data team' as owner,
    strftime(upload_hour, '%Y-%m-%d %H:00') || ' UTC has ' || events || ' events, usually '
    || cast(round(usual) as bigint) || ' (median of ' || weeks || ' weeks): '
    || case when events > usual then 'too many' else 'too few' end || '; owner: data team' as drift
from judged
