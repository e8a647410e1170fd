-- Which features, sets and product lines an event of this signature is use of, and 'all'. Every matching rule counts; a
-- feature that two rules name counts the event once.
with candidates as (
    -- exact names by an equality join; only rules with a wildcard are tried on every signature
    select signatures.signature_id, signatures.feature_properties, rules.feature_key, rules.property, rules.property_value
    from {{ ref('stg_amplitude__signatures') }} as signatures
    inner join {{ ref('stg_company__feature_rules') }} as rules
        on signatures.event_type = rules.event_type

    union all

    select signatures.signature_id, signatures.feature_properties, rules.feature_key, rules.property, rules.property_value
    from {{ ref('stg_amplitude__signatures') }} as signatures
    inner join {{ ref('stg_company__feature_rules') }} as rules
        on rules.has_wildcard
            and signatures.event_type <> rules.event_type
            and signatures.event_type like {{ glob_to_like('rules.event_type') }} escape '\'
),

matched as (
    select distinct
        signature_id,
        feature_key
    from candidates
    where property is null
        or feature_properties[property] = property_value
        or (property_value is null and feature_properties[property] is not null)
),

scoped as (
    select distinct
        matched.signature_id,
        scopes.scope,
        scopes.scope_key
    from matched
    inner join {{ ref('int_usage__feature_scopes') }} as scopes
        on matched.feature_key = scopes.feature_key

    union all

    select
        signature_id,
        'all' as scope,
        'all' as scope_key
    from {{ ref('stg_amplitude__signatures') }}
)

select
    scoped.signature_id,
    signatures.event_type,
    signatures.is_inactive,
    scoped.signature_id in (select signature_id from matched) as is_mapped,
    scoped.scope,
    scoped.scope_key
from scoped
inner join {{ ref('stg_amplitude__signatures') }} as signatures
    on scoped.signature_id = signatures.signature_id
