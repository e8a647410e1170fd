-- Between which product lines money migrated with products that took over from others (product_succession), where no
-- contract says so itself.
with contracts_that_moved as (
    select distinct month_start, account_id, chain_id
    from {{ ref('int_money__line_effects') }}
    where moved_e6 <> 0
),

succession as (
    select
        from_product_id,
        to_product_id,
        min(effective_date) as effective_date
    from {{ ref('stg_finance__product_succession') }}
    group by from_product_id, to_product_id
),

-- contracts that no item leads elsewhere, by product
by_product as (
    select
        effects.month_start,
        effects.account_id,
        effects.product_id,
        effects.product_line,
        sum(effects.change_e6) as change_e6
    from {{ ref('int_money__line_effects') }} as effects
    left join contracts_that_moved as named
        on effects.month_start = named.month_start
            and effects.account_id = named.account_id
            and effects.chain_id = named.chain_id
    where named.chain_id is null
        and effects.product_id in (
            select from_product_id from succession union all select to_product_id from succession
        )
    group by effects.month_start, effects.account_id, effects.product_id, effects.product_line
),

product_changes as (
    select
        *,
        sum(change_e6) over (partition by month_start, account_id, product_id) as product_change_e6
    from by_product
),

products as (
    select distinct
        month_start,
        account_id,
        product_id,
        product_change_e6
    from product_changes
),

product_paths as (
    select
        losing.month_start,
        losing.account_id,
        losing.product_id as from_product_id,
        gaining.product_id as to_product_id,
        -losing.product_change_e6 as lost_e6,
        gaining.product_change_e6 as gained_e6,
        least(-losing.product_change_e6, gaining.product_change_e6) as weight_e6
    from products as losing
    inner join succession
        on losing.product_id = succession.from_product_id
    inner join products as gaining
        on losing.month_start = gaining.month_start
            and losing.account_id = gaining.account_id
            and succession.to_product_id = gaining.product_id
    inner join {{ ref('int_calendar__money_months') }} as months
        on losing.month_start = months.month_start
            and succession.effective_date <= months.state_date
    where losing.product_change_e6 < 0 and gaining.product_change_e6 > 0
),

-- a product with several successors, or predecessors, is shared between them: no more goes out or in than there is
product_migrations as (
    select
        *,
        weight_e6 * least(
            1,
            lost_e6 / cast(sum(weight_e6) over (partition by month_start, account_id, from_product_id) as double),
            gained_e6 / cast(sum(weight_e6) over (partition by month_start, account_id, to_product_id) as double)
        ) as migrated_e6
    from product_paths
)

-- a bundle's loss and gain are shared out to its lines
select
    paths.month_start,
    paths.account_id,
    losing.product_line as from_line,
    gaining.product_line as to_line,
    'succession' as reason,
    paths.migrated_e6
    * (losing.change_e6 / nullif(cast(losing.product_change_e6 as double), 0))
    * (gaining.change_e6 / nullif(cast(gaining.product_change_e6 as double), 0)) as weight_e6
from product_migrations as paths
inner join product_changes as losing
    on paths.month_start = losing.month_start
        and paths.account_id = losing.account_id
        and paths.from_product_id = losing.product_id
inner join product_changes as gaining
    on paths.month_start = gaining.month_start
        and paths.account_id = gaining.account_id
        and paths.to_product_id = gaining.product_id
where losing.product_line <> gaining.product_line
