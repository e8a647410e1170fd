-- Between which product lines an account's money migrated in a month: with contracts that go on in another line (the
-- item named by replaces_item_id, or the item itself), else with products that took over from others
-- (int_money__succession_paths).
with moved as (
    select
        month_start, account_id, chain_id, product_line, moved_e6, moved_reason,
        sum(greatest(moved_e6, 0)) over (partition by month_start, account_id, chain_id) as total_e6
    from {{ ref('int_money__line_effects') }}
    where moved_e6 <> 0
),

by_contract as (
    select
        losing.month_start,
        losing.account_id,
        losing.product_line as from_line,
        gaining.product_line as to_line,
        losing.moved_reason as reason,
        -losing.moved_e6 * (gaining.moved_e6 / cast(nullif(gaining.total_e6, 0) as double)) as weight_e6
    from moved as losing
    inner join moved as gaining
        on losing.month_start = gaining.month_start
            and losing.account_id = gaining.account_id
            and losing.chain_id = gaining.chain_id
    where losing.moved_e6 < 0 and gaining.moved_e6 > 0
),

paths as (
    select * from by_contract
    union all
    select * from {{ ref('int_money__succession_paths') }}
),

weights as (
    select
        month_start,
        account_id,
        from_line,
        to_line,
        reason,
        -- whole millionths, so that the sum does not depend on the order of rows
        sum(cast(round(weight_e6) as hugeint)) as weight_e6
    from paths
    group by month_start, account_id, from_line, to_line, reason
)

select
    month_start,
    account_id,
    from_line,
    to_line,
    {{ e6_to_money('sum(weight_e6)') }} as migrated_arr,
    arg_max(reason, (weight_e6, reason)) as reason
from weights
where weight_e6 > 0
group by month_start, account_id, from_line, to_line
