-- The rows of the feature registry: which events are use of which feature.
select
    rule_no,
    feature_key,
    feature_name,
    feature_set,
    product_line,
    event_type,
    event_type like '%*%' or event_type like '%?%' as has_wildcard,
    nullif(property, '') as property,
    nullif(property_value, '') as property_value,
    launched_on,
    coalesce(is_core, false) as is_core,
    owner,
    team
from {{ source('company', 'feature_rules') }}
