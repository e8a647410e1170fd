-- What moved ARR between two month ends: by account, and by account and product line. Exchange rates stand apart.
{% set effects = ['price', 'seats', 'discount', 'other'] %}

with account_movements as (
    select
        movements.month_start,
        movements.account_id,
        movements.movement,
        movements.movement_arr as arr_delta,
        case
            when movements.movement = 'churn' then coalesce(effects.told_down, states.reason)
            when movements.movement = 'reactivation' then coalesce(effects.told_up, states.reason)
            when movements.movement_arr > 0 then effects.reason_up
            else effects.reason_down
        end as reason,
        {% for effect in effects -%}
        effects.{{ effect }}_e6{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_money__account_movements') }} as movements
    left join {{ ref('int_money__movement_effects') }} as effects
        on movements.month_start = effects.month_start
            and movements.account_id = effects.account_id
            and effects.product_line is null
    left join {{ ref('int_money__movement_reasons') }} as states
        on movements.month_start = states.month_start
            and movements.account_id = states.account_id
),

-- a line may have lost by migration exactly what it gained otherwise
lines as (
    select
        coalesce(movements.month_start, migrations.month_start) as month_start,
        coalesce(movements.account_id, migrations.account_id) as account_id,
        coalesce(movements.product_line, migrations.product_line) as product_line,
        coalesce(movements.movement, 'none') as movement,
        migrations.migrated_arr,
        migrations.reason as migration_reason,
        coalesce(movements.movement_arr, 0) - coalesce(migrations.migrated_arr, 0) as rest_arr
    from {{ ref('int_money__line_movements') }} as movements
    full join {{ ref('int_money__migrations') }} as migrations
        on movements.month_start = migrations.month_start
            and movements.account_id = migrations.account_id
            and movements.product_line = migrations.product_line
),

-- what a migration leaves over is downsell of the one line or upsell of the other
line_movements as (
    select
        lines.month_start,
        lines.account_id,
        lines.product_line,
        case
            when lines.migrated_arr is null then lines.movement
            when lines.rest_arr > 0 then 'upsell'
            else 'downsell'
        end as movement,
        lines.rest_arr as arr_delta,
        case
            when lines.movement in ('logo_churn', 'reactivation') then
                coalesce(case when lines.movement = 'logo_churn' then effects.told_down else effects.told_up end,
                    accounts.reason)
            when lines.migrated_arr is null and lines.movement = 'product_churn' then effects.told_down
            when lines.migrated_arr is null and lines.movement in ('cross_sell', 'product_winback')
                then effects.told_up
            when lines.rest_arr > 0 then effects.reason_up
            else effects.reason_down
        end as reason,
        {% for effect in effects -%}
        effects.{{ effect }}_e6{{ "," if not loop.last }}
        {% endfor %}
    from lines
    left join {{ ref('int_money__movement_effects') }} as effects
        on lines.month_start = effects.month_start
            and lines.account_id = effects.account_id
            and lines.product_line = effects.product_line
    left join account_movements as accounts
        on lines.month_start = accounts.month_start
            and lines.account_id = accounts.account_id
),

movements as (
    select
        month_start, 'account' as grain, account_id, cast(null as varchar) as product_line, movement, arr_delta, reason,
        {{ effects | join('_e6, ') }}_e6
    from account_movements

    union all

    select
        month_start, 'product', account_id, product_line, movement, arr_delta, reason,
        {{ effects | join('_e6, ') }}_e6
    from line_movements

    union all

    select
        month_start, 'product', account_id, product_line,
        case when migrated_arr > 0 then 'migration_in' else 'migration_out' end, migrated_arr, migration_reason,
        null, null, null, null
    from lines
    where migrated_arr is not null

    union all

    select month_start, 'account', account_id, null, 'fx', fx_arr, null, null, null, null, null
    from {{ ref('int_money__account_balances') }}

    union all

    select month_start, 'product', account_id, product_line, 'fx', fx_arr, null, null, null, null, null
    from {{ ref('int_money__line_balances') }}
),

rounded as (
    select
        month_start, grain, account_id, product_line, movement, arr_delta, reason,
        {% for effect in effects -%}
        coalesce({{ e6_to_money(effect ~ '_e6') }}, 0) as {{ effect }}_arr{{ "," if not loop.last }}
        {% endfor %}
    from movements
    where arr_delta <> 0
),

-- the cents that rounding leaves over belong to the largest effect; anything more is no effect of a contract
closed as (
    select
        *,
        arr_delta - {{ effects | join('_arr - ') }}_arr as left_over,
        case
            when abs(arr_delta - {{ effects | join('_arr - ') }}_arr) > cast(0.05 as decimal(18, 2)) then 'other'
            {% for effect in effects[:-1] -%}
            when abs({{ effect }}_arr) > 0 and abs({{ effect }}_arr) = greatest(
                {%- for name in effects %}abs({{ name }}_arr){{ ", " if not loop.last }}{% endfor %}) then '{{ effect }}'
            {% endfor -%}
            else 'other'
        end as closing_effect
    from rounded
)

select
    month_start,
    grain,
    account_id,
    cast(product_line as varchar) as product_line,
    movement,
    cast(arr_delta as decimal(18, 2)) as arr_delta,
    cast(reason as varchar) as reason,
    {% for effect in effects -%}
    cast({{ effect }}_arr + case when closing_effect = '{{ effect }}' then left_over else 0 end as decimal(18, 2))
        as {{ effect }}_arr{{ "," if not loop.last }}
    {% endfor %}
from closed
