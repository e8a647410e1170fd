-- Per week, segment and scope the units that used it in the week, and how many of them did so in each of the following
-- ones: array position 1 is the cohort itself. Counted again while the last of them may still change.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'followed_until', 'rebuild_layer': 'marts'}
) }}

{{ cohorts_by_segment('week') }}
