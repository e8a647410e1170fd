-- The effects on each contract by product line, and what merely moved from one of its lines to another (moved_e6 sums
-- to zero over a contract): the smaller of what its lines lost and what its lines gained. The rest is growth of the
-- lines that gained or shrinkage of those that lost, and the effects lie there. Millionths of the reporting currency.
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

contracts as (
    select
        month_start,
        account_id,
        chain_id,
        cast(sum(greatest(opening_e6 - closing_e6, 0)) as double) as lost_e6,
        cast(sum(greatest(closing_e6 - opening_e6, 0)) as double) as gained_e6,
        cast(sum(closing_e6) as double) as worth_e6
    from by_line
    group by month_start, account_id, chain_id
),

compared as (
    select
        by_line.month_start,
        by_line.account_id,
        by_line.chain_id,
        by_line.product_line,
        by_line.product_id,
        by_line.closing_e6 - by_line.opening_e6 as change_e6,
        by_line.closing_e6,
        contracts.worth_e6,
        contracts.gained_e6 - contracts.lost_e6 as growth_e6,
        (by_line.closing_e6 - by_line.opening_e6)
        * case
            when by_line.closing_e6 > by_line.opening_e6
                then least(contracts.lost_e6 / nullif(contracts.gained_e6, 0), 1)
            else least(contracts.gained_e6 / nullif(contracts.lost_e6, 0), 1)
        end as moved_e6
    from by_line
    inner join contracts
        on by_line.month_start = contracts.month_start
            and by_line.account_id = contracts.account_id
            and by_line.chain_id = contracts.chain_id
),

weighed as (
    select
        compared.*,
        effects.price_e6,
        effects.seats_e6,
        effects.discount_e6,
        effects.other_e6,
        effects.discount_reason,
        effects.other_reason,
        effects.is_same_product,
        -- effects that cancel out lie where the money is
        case
            when compared.growth_e6 = 0 then compared.closing_e6 / nullif(compared.worth_e6, 0)
            else (compared.change_e6 - coalesce(compared.moved_e6, 0)) / nullif(compared.growth_e6, 0)
        end as weight
    from compared
    inner join {{ ref('int_money__chain_effects') }} as effects
        on compared.month_start = effects.month_start
            and compared.account_id = effects.account_id
            and compared.chain_id = effects.chain_id
),

distributed as (
    select
        month_start,
        account_id,
        chain_id,
        product_line,
        product_id,
        change_e6,
        {% for name in ['price', 'seats', 'discount', 'other'] -%}
        cast(round({{ name }}_e6 * weight) as hugeint) as {{ name }}_e6,
        {% endfor -%}
        discount_reason,
        other_reason,
        case when is_same_product then 'reclassified' else 'replacement' end as moved_reason,
        -- what rounding to millionths leaves is no migration
        case when abs(moved_e6) >= {{ half_a_cent }} then cast(round(moved_e6) as hugeint) else 0 end as moved_e6
    from weighed
    where weight is not null
)

select *
from distributed
where change_e6 <> 0 or price_e6 <> 0 or seats_e6 <> 0 or discount_e6 <> 0 or other_e6 <> 0
