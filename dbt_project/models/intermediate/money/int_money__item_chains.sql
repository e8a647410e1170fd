-- Items that follow each other by replaces_item_id are one chain, named by its first item: so that a contract can be
-- followed through renewals and plan swaps. An item that replaces nothing is a chain of its own.
with recursive items as (
    select
        item_id,
        min(nullif(replaces_item_id, item_id)) as replaces_item_id
    from {{ ref('int_money__item_terms') }}
    group by item_id
),

links as (
    select
        items.item_id,
        items.replaces_item_id
    from items
    inner join items as replaced
        on items.replaces_item_id = replaced.item_id
),

-- from the first items on: a circle of items has none and is never entered
chains as (
    select distinct
        links.replaces_item_id as item_id,
        links.replaces_item_id as chain_id
    from links
    left join links as further
        on links.replaces_item_id = further.item_id
    where further.item_id is null

    union all

    select
        links.item_id,
        chains.chain_id
    from chains
    inner join links
        on chains.item_id = links.replaces_item_id
)

select
    items.item_id,
    coalesce(chains.chain_id, items.item_id) as chain_id
from items
left join chains
    on items.item_id = chains.item_id
