-- Product movements and transfers by set of segments and product line. A movement belongs to the segments at month
-- start, new_logo and reactivation to those at month end; when a set changed, the account's opening side leaves the old
-- set by transfer for the new one.
with movements as (
    select
        movements.month_start,
        movements.account_id,
        movements.product_line,
        movements.movement,
        movements.arr_delta,
        case
            when movements.movement in ('new_logo', 'reactivation') then months.state_date
            else months.previous_state_date
        end as belongs_on
    from {{ ref('fct_arr_movement') }} as movements
    inner join {{ ref('int_calendar__money_months') }} as months
        on movements.month_start = months.month_start
    where movements.grain = 'product'
),

posted as (
    select
        movements.month_start,
        sets.segment_set,
        movements.product_line,
        movements.movement,
        sum(movements.arr_delta) as arr
    from movements
    inner join {{ ref('int_company__segment_sets') }} as sets
        on movements.account_id = sets.account_id
            and movements.belongs_on >= sets.valid_from
            and movements.belongs_on < sets.valid_to
    group by movements.month_start, sets.segment_set, movements.product_line, movements.movement
),

-- accounts whose set at month end is another than at month start
moves as (
    select
        months.month_start,
        opening.account_id,
        opening.segment_set as from_segment_set,
        closing.segment_set as to_segment_set
    from {{ ref('int_calendar__money_months') }} as months
    inner join {{ ref('int_company__segment_sets') }} as closing
        on closing.valid_from > months.previous_state_date
            and closing.valid_from <= months.state_date
            and closing.valid_to > months.state_date
    inner join {{ ref('int_company__segment_sets') }} as opening
        on closing.account_id = opening.account_id
            and months.previous_state_date >= opening.valid_from
            and months.previous_state_date < opening.valid_to
    where opening.segment_set <> closing.segment_set
),

gains as (
    select
        month_start,
        account_id,
        product_line,
        sum(arr_delta) as arr
    from movements
    where movement in ('new_logo', 'reactivation')
    group by month_start, account_id, product_line
),

-- what is left of the opening side: the closing ARR but for what was won in the new segments
transferred as (
    select
        moves.month_start,
        moves.from_segment_set,
        moves.to_segment_set,
        balances.product_line,
        sum(balances.closing_arr - coalesce(gains.arr, 0)) as arr
    from moves
    inner join {{ ref('int_money__line_balances') }} as balances
        on moves.month_start = balances.month_start
            and moves.account_id = balances.account_id
    left join gains
        on moves.month_start = gains.month_start
            and moves.account_id = gains.account_id
            and balances.product_line = gains.product_line
    group by moves.month_start, moves.from_segment_set, moves.to_segment_set, balances.product_line
)

select month_start, segment_set, segment_set as to_segment_set, product_line, movement, arr
from posted

union all

select month_start, from_segment_set, to_segment_set, product_line, 'transfer', arr
from transferred
