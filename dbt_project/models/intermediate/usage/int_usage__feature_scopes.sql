-- What each feature counts for: itself, its set and its product line; and any event for 'all'.
{{ config(materialized='view') }}

select distinct
    feature_key,
    'feature' as scope,
    feature_key as scope_key
from {{ ref('stg_company__feature_rules') }}

union all

select distinct
    feature_key,
    'feature_set' as scope,
    feature_set as scope_key
from {{ ref('stg_company__feature_rules') }}

union all

select distinct
    feature_key,
    'product_line' as scope,
    product_line as scope_key
from {{ ref('stg_company__feature_rules') }}

union all

select
    '' as feature_key,
    'all' as scope,
    'all' as scope_key
