-- The segments that make up each combination of int_usage__segment_sets, the total 'all' among them.
{{ config(materialized='view') }}

select segment_set, dimension, segment, is_total
from {{ ref('int_company__segment_set_members') }}

union all

select 0 as segment_set, dimension, 'unassigned' as segment, false as is_total
from {{ ref('stg_company__lens_dimensions') }}

union all

select 0 as segment_set, 'all' as dimension, 'all' as segment, true as is_total
