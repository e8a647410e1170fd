-- A dictionary: which features, sets and product lines an event of this type with these properties is use of. Rules are
-- matched once per distinct signature, not per event; a feature that two rules name counts the event once.
{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with signatures as (
    select distinct
        events.event_type,
        events.feature_properties
    from {{ ref('int_usage__event_day') }} as events
    where {{ rebuild_predicate('events.local_date', 'events') }}
    {% if is_incremental() %}
        and not exists(
            select 1
            from {{ this }} as known
            where known.event_type = events.event_type
                and known.feature_properties = events.feature_properties
        )
    {% endif %}
),

-- exact names by an equality join; only rules with a wildcard are tried on every signature
candidates as (
    select signatures.event_type, signatures.feature_properties, rules.feature_key, rules.property, rules.property_value
    from signatures
    inner join {{ ref('stg_company__feature_rules') }} as rules
        on signatures.event_type = rules.event_type

    union all

    select signatures.event_type, signatures.feature_properties, rules.feature_key, rules.property, rules.property_value
    from signatures
    inner join {{ ref('stg_company__feature_rules') }} as rules
        on rules.has_wildcard
            and signatures.event_type <> rules.event_type
            and signatures.event_type like {{ glob_to_like('rules.event_type') }} escape '\'
),

matched as (
    select distinct
        event_type,
        feature_properties,
        feature_key
    from candidates
    where property is null
        or feature_properties[property] = property_value
        or (property_value is null and feature_properties[property] is not null)
),

scoped as (
    select distinct
        matched.event_type,
        matched.feature_properties,
        scopes.scope,
        scopes.scope_key
    from matched
    inner join {{ ref('int_usage__feature_scopes') }} as scopes
        on matched.feature_key = scopes.feature_key

    union all

    select
        event_type,
        feature_properties,
        'all' as scope,
        'all' as scope_key
    from signatures
),

mapped as (
    select distinct
        event_type,
        feature_properties
    from matched
)

select
    scoped.event_type,
    scoped.feature_properties,
    scoped.scope,
    scoped.scope_key,
    coalesce(event_types.is_inactive, false) as is_inactive,
    mapped.event_type is not null as is_mapped
from scoped
left join mapped
    on scoped.event_type = mapped.event_type
        and scoped.feature_properties = mapped.feature_properties
left join {{ ref('stg_amplitude__event_types') }} as event_types
    on scoped.event_type = event_types.event_type
