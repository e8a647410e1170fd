-- Top-level keys of the export that first came, or first stayed away, within the last seven upload days.
with recent as (
    {{ drift_window() }}
),

findings as (
    select
        'new_keys' as kind,
        upload_hour,
        unnest(new_keys) as key_name
    from {{ source('amplitude', 'amplitude_key_samples') }}

    union all

    select
        'missing_keys' as kind,
        upload_hour,
        unnest(missing_keys) as key_name
    from {{ source('amplitude', 'amplitude_key_samples') }}
),

firsts as (
    select
        kind,
        key_name,
        cast(min(upload_hour) as date) as first_seen,
        count(*) as hours_seen
    from findings
    cross join recent
    where upload_hour < recent.ends_on + 1
    group by kind, key_name
)

select
    firsts.kind,
    firsts.key_name,
    firsts.first_seen,
    firsts.hours_seen,
    'data team' as owner,
    case
        when firsts.kind = 'new_keys' then 'the export has a new key ' || firsts.key_name || ' since '
        else 'the export lacks the key ' || firsts.key_name || ' since '
    end || cast(firsts.first_seen as varchar) || ' (in ' || firsts.hours_seen || ' upload hours); owner: data team' as drift
from firsts
inner join recent on firsts.first_seen >= recent.starts_on
