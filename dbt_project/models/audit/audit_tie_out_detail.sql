-- The list behind every figure of the tie-out, where audits look for it. It is published as marts.tie_out_detail.
{{ config(alias='tie_out_detail', materialized='view') }}

select *
from {{ ref('tie_out_detail') }}
