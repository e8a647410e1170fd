-- The combination of segments an account was in, by date (int_company__segment_sets); set 0 is that of events without
-- an account: unassigned in every dimension.
{{ config(materialized='view') }}

select account_id, segment_set, valid_from, valid_to
from {{ ref('int_company__segment_sets') }}

union all

select '' as account_id, 0 as segment_set, date '1900-01-01' as valid_from, date '9999-12-31' as valid_to
