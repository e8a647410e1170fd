-- Event types that first came within the last seven upload days, and whether a rule of the registry matches them.
with recent as (
    {{ drift_window() }}
),

firsts as (
    select
        days.event_type,
        min(days.upload_day) as first_seen,
        sum(days.events) as events
    from {{ source('amplitude', 'amplitude_type_days') }} as days
    inner join recent on days.upload_day <= recent.ends_on
    group by days.event_type
),

owned as (
    select
        firsts.event_type,
        firsts.first_seen,
        firsts.events,
        count(rules.feature_key) > 0 as is_mapped,
        {{ drift_owner('rules') }} as owner
    from firsts
    inner join recent on firsts.first_seen >= recent.starts_on
    left join {{ ref('stg_company__feature_rules') }} as rules
        on firsts.event_type like {{ glob_to_like('rules.event_type') }} escape '\'
    group by firsts.event_type, firsts.first_seen, firsts.events
)

select
    event_type,
    first_seen,
    cast(events as bigint) as events,
    is_mapped,
    owner,
    'new event ' || event_type || ' since ' || cast(first_seen as varchar) || ' (' || cast(events as bigint) || ' events), '
    || case when is_mapped then 'matched by features.csv' else 'matched by no row of features.csv' end
    || '; owner: ' || owner as drift
from owned
