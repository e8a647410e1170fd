-- One row: how many contract rows that should be ARR cannot be valued as they stand, and the first of them by name.
with unvalued as (
    select distinct
        item_id || ' (' || problem || ')' as item
    from {{ ref('audit_items_unvalued') }}
),

listed as (
    select item
    from unvalued
    order by item
    limit 12
)

select
    coalesce((select string_agg(item, ', ' order by item) from listed), 'all items') as subject,
    state.mode = 'full' as is_configured,
    true as has_data,
    (select count(*) from unvalued) as items_unvalued
from {{ ref('stg_finance__state') }} as state
