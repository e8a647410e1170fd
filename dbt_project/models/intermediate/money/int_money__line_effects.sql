-- The effects on each contract by product line, and what merely moved from one of its lines to another (moved_e6 sums
-- to zero over a contract). Growth belongs to the lines that the money is in now, shrinkage to those it was in: so of a
-- contract that moves on at another worth, the smaller of both amounts moves. Millionths of the reporting currency.
{% set half_a_cent = 5000 %}

with shared_out as (
    select
        items.month_start,
        items.account_id,
        items.chain_id,
        items.product_id,
        coalesce(lines.product_line, 'unassigned') as product_line,
        items.is_closing,
        case
            when lines.share is null or lines.share = lines.all_shares then items.net_e6
            else cast(round(items.net_e6 * (cast(lines.share as double) / cast(lines.all_shares as double))) as hugeint)
        end as net_e6
    from {{ ref('int_money__changed_items') }} as items
    left join {{ ref('int_money__product_lines') }} as lines
        on items.product_id = lines.product_id
            and items.state_date >= lines.valid_from
            and items.state_date < lines.valid_to
),

by_line as (
    select
        month_start,
        account_id,
        chain_id,
        product_line,
        max(product_id) as product_id,
        sum(case when is_closing then 0 else net_e6 end) as opening_e6,
        sum(case when is_closing then net_e6 else 0 end) as closing_e6
    from shared_out
    group by month_start, account_id, chain_id, product_line
),

weighed as (
    select
        by_line.*,
        effects.price_e6,
        effects.seats_e6,
        effects.discount_e6,
        effects.other_e6,
        effects.discount_reason,
        effects.other_reason,
        effects.is_same_product,
        case
            when effects.opening_net_e6 = 0
                or (effects.closing_net_e6 >= effects.opening_net_e6 and effects.closing_net_e6 <> 0)
                then by_line.closing_e6 / nullif(cast(effects.closing_net_e6 as double), 0)
            else by_line.opening_e6 / nullif(cast(effects.opening_net_e6 as double), 0)
        end as weight
    from by_line
    inner join {{ ref('int_money__chain_effects') }} as effects
        on by_line.month_start = effects.month_start
            and by_line.account_id = effects.account_id
            and by_line.chain_id = effects.chain_id
),

distributed as (
    select
        month_start,
        account_id,
        chain_id,
        product_line,
        product_id,
        closing_e6 - opening_e6 as change_e6,
        {% for name in ['price', 'seats', 'discount', 'other'] -%}
        cast(round({{ name }}_e6 * weight) as hugeint) as {{ name }}_e6,
        {% endfor -%}
        discount_reason,
        other_reason,
        case when is_same_product then 'reclassified' else 'replacement' end as moved_reason
    from weighed
    where weight is not null
),

compared as (
    select
        *,
        change_e6 - price_e6 - seats_e6 - discount_e6 - other_e6 as moved_e6
    from distributed
)

select
    month_start,
    account_id,
    chain_id,
    product_line,
    product_id,
    change_e6,
    price_e6,
    seats_e6,
    discount_e6,
    other_e6,
    discount_reason,
    other_reason,
    moved_reason,
    case when abs(moved_e6) >= {{ half_a_cent }} then moved_e6 else 0 end as moved_e6
from compared
where change_e6 <> 0 or price_e6 <> 0 or seats_e6 <> 0 or discount_e6 <> 0 or other_e6 <> 0
