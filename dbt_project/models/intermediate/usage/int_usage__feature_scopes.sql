-- What each feature counts for: itself, its set and its product line; and any event (feature_key '') for 'all'. A scope's
-- number stands for it where millions of rows are grouped; a changed registry rebuilds everything that keeps it.
{{ config(materialized='view') }}

with scopes as (
    select distinct
        feature_key,
        unnest(['feature', 'feature_set', 'product_line']) as scope,
        unnest([feature_key, feature_set, product_line]) as scope_key
    from {{ ref('stg_company__feature_rules') }}
)

select
    feature_key,
    scope,
    scope_key,
    cast(dense_rank() over (order by scope, scope_key) as integer) as scope_no
from scopes

union all

select
    '' as feature_key,
    'all' as scope,
    'all' as scope_key,
    0 as scope_no
