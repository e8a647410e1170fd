-- Migrated ARR by account, month and product line, to the cent: the smaller of what one line lost and the other
-- gained, as far as it is named (int_money__migration_paths). What comes out of lines goes into lines.
{% set rounding = "cast(0.05 as decimal(18, 2))" %} {# what rounding several currencies and bundles to cents can add up to #}

with paths as (
    select
        paths.month_start,
        paths.account_id,
        paths.from_line,
        paths.to_line,
        paths.reason,
        paths.named_arr,
        -losing.movement_arr as lost_arr,
        gaining.movement_arr as gained_arr
    from {{ ref('int_money__migration_paths') }} as paths
    inner join {{ ref('int_money__line_movements') }} as losing
        on paths.month_start = losing.month_start
            and paths.account_id = losing.account_id
            and paths.from_line = losing.product_line
    inner join {{ ref('int_money__line_movements') }} as gaining
        on paths.month_start = gaining.month_start
            and paths.account_id = gaining.account_id
            and paths.to_line = gaining.product_line
    -- lines of an account that came or left are neither won nor lost by themselves
    where losing.movement in ('downsell', 'product_churn')
        and gaining.movement in ('upsell', 'cross_sell', 'product_winback')
        and losing.movement_arr < 0
        and gaining.movement_arr > 0
),

-- a line that several paths lead from or to is shared between them as they are named
scaled as (
    select
        *,
        count(*) over (partition by month_start, account_id, from_line) as paths_from,
        count(*) over (partition by month_start, account_id, to_line) as paths_to,
        named_arr * least(
            1,
            lost_arr / sum(named_arr) over (partition by month_start, account_id, from_line order by to_line
                rows between unbounded preceding and unbounded following),
            gained_arr / sum(named_arr) over (partition by month_start, account_id, to_line order by from_line
                rows between unbounded preceding and unbounded following)
        ) as scaled_arr
    from paths
),

migrated as (
    select
        month_start,
        account_id,
        from_line,
        to_line,
        reason,
        case
            when paths_from = 1 and paths_to = 1 and least(lost_arr, gained_arr) - scaled_arr < {{ rounding }}
                then least(lost_arr, gained_arr)
            when paths_to = 1 and abs(gained_arr - scaled_arr) < {{ rounding }} then gained_arr
            when paths_from = 1 and abs(lost_arr - scaled_arr) < {{ rounding }} then lost_arr
            else cast(round(scaled_arr, 2) as decimal(18, 2))
        end as migrated_arr
    from scaled
),

by_line as (
    select month_start, account_id, from_line as product_line, -migrated_arr as migrated_arr, reason
    from migrated
    union all
    select month_start, account_id, to_line, migrated_arr, reason
    from migrated
)

select
    month_start,
    account_id,
    product_line,
    cast(sum(migrated_arr) as decimal(18, 2)) as migrated_arr,
    arg_max(reason, (abs(migrated_arr), reason)) as reason
from by_line
where migrated_arr <> 0
group by month_start, account_id, product_line
