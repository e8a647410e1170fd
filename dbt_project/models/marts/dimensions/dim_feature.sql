-- One row per feature of the registry, whatever number of rules map events to it.
select
    feature_key,
    min(feature_name) as feature_name,
    min(feature_set) as feature_set,
    min(product_line) as product_line,
    min(launched_on) as launched_on,
    coalesce(bool_or(is_core), false) as is_core,
    min(owner) as owner,
    min(team) as team
from {{ ref('stg_company__feature_rules') }}
group by feature_key
