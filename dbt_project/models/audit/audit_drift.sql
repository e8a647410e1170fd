-- One row per kind of drift: what was looked at, how much was found, and the list of it, each with its owner.
with recent as (
    {{ drift_window() }}
),

findings as (
    select
        kind,
        first_seen as found_on,
        drift
    from {{ ref('audit_drift_keys') }}

    union all

    select
        'property_types' as kind,
        first_seen as found_on,
        drift
    from {{ ref('audit_drift_properties') }}

    union all

    select
        'event_types' as kind,
        first_seen as found_on,
        drift
    from {{ ref('audit_drift_event_types') }}

    union all

    select
        'volume' as kind,
        cast(upload_hour as date) as found_on,
        drift
    from {{ ref('audit_drift_volume') }}
    where is_odd
),

ranked as (
    select
        *,
        row_number() over (partition by kind order by found_on desc, drift) as place
    from findings
),

found as (
    select
        kind,
        count(*) as findings,
        string_agg(drift, chr(10) order by place) filter (where place <= 50) as drift,
        max(case when place = 1 then drift end) as newest
    from ranked
    group by kind
),

-- Keys are compared with Amplitude's own list, all else with the company's history: there must be some.
examined as (
    select
        kinds.kind,
        true as is_configured,
        coalesce(sum(samples.lines), 0) as examined
    from (values ('new_keys'), ('missing_keys')) as kinds (kind)
    left join {{ source('amplitude', 'amplitude_key_samples') }} as samples
        on samples.upload_hour >= (select starts_on from recent)
            and samples.upload_hour < (select ends_on + 1 from recent)
    group by kinds.kind

    union all

    select
        kinds.kind,
        coalesce((select history_from < starts_on from recent), false) as is_configured,
        coalesce(sum(days.sampled), 0) as examined
    from (values ('property_types'), ('event_types')) as kinds (kind)
    left join {{ source('amplitude', 'amplitude_type_days') }} as days
        on days.upload_day between (select starts_on from recent) and (select ends_on from recent)
    group by kinds.kind

    union all

    select
        'volume' as kind,
        coalesce((select history_from <= starts_on - 28 from recent), false) as is_configured,
        count(*) as examined
    from {{ ref('audit_drift_volume') }}
)

select
    replace(examined.kind, '_', ' ') || coalesce(': ' || found.newest, '') || case
        when found.findings > 1 then ' (and ' || (found.findings - 1) || ' more)' else ''
    end as subject,
    examined.kind,
    examined.is_configured,
    examined.examined > 0 as has_data,
    cast(examined.examined as bigint) as examined,
    coalesce(found.findings, 0) as findings,
    found.drift
from examined
left join found on examined.kind = found.kind
