-- Migrated ARR by account, month and product line, to the cent. What comes out of lines goes into lines. The lines of an
-- account that came, returned or left are neither won nor lost by themselves.
{% set rounding = "cast(0.05 as decimal(18, 2))" %} {# what rounding currencies and bundles to cents can add up to #}

with paths as (
    select
        paths.month_start,
        paths.account_id,
        paths.from_line,
        paths.to_line,
        paths.reason,
        paths.migrated_arr,
        -losing.movement_arr as lost_arr,
        gaining.movement_arr as gained_arr,
        count(*) over (partition by paths.month_start, paths.account_id, paths.from_line) as paths_from,
        count(*) over (partition by paths.month_start, paths.account_id, paths.to_line) as paths_to
    from {{ ref('int_money__migration_paths') }} as paths
    left join {{ ref('int_money__account_movements') }} as accounts
        on paths.month_start = accounts.month_start
            and paths.account_id = accounts.account_id
    left join {{ ref('int_money__line_movements') }} as losing
        on paths.month_start = losing.month_start
            and paths.account_id = losing.account_id
            and paths.from_line = losing.product_line
    left join {{ ref('int_money__line_movements') }} as gaining
        on paths.month_start = gaining.month_start
            and paths.account_id = gaining.account_id
            and paths.to_line = gaining.product_line
    where coalesce(accounts.movement, 'none') not in ('new', 'reactivation', 'churn')
),

-- lines are rounded to cents each for itself: a line that moved by migration alone must not be left with a cent
migrated as (
    select
        month_start,
        account_id,
        from_line,
        to_line,
        reason,
        case
            when paths_to = 1 and abs(gained_arr - migrated_arr) < {{ rounding }} then gained_arr
            when paths_from = 1 and abs(lost_arr - migrated_arr) < {{ rounding }} then lost_arr
            else migrated_arr
        end as migrated_arr
    from paths
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
group by month_start, account_id, product_line
having sum(migrated_arr) <> 0
