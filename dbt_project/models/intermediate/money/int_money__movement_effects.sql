-- What moved each product line, and each account as a whole (product_line null): price, seats, discounts and
-- everything else, in millionths of the reporting currency, and the reason with the largest effect up and down. Told
-- reasons leave out that an item merely came or went.
with effects as (
    {% for effect, reason in [
        ('price', "'price'"), ('seats', "'seats'"), ('discount', 'discount_reason'), ('other', 'other_reason')
    ] -%}
    select
        month_start,
        account_id,
        product_line,
        '{{ effect }}' as effect,
        {{ reason }} as reason,
        {{ effect }}_e6 as effect_e6
    from {{ ref('int_money__line_effects') }}
    where {{ effect }}_e6 <> 0
    {{ "union all" if not loop.last }}
    {% endfor %}
),

by_reason as (
    select
        month_start,
        account_id,
        product_line,
        effect,
        reason,
        sum(effect_e6) as effect_e6
    from effects
    group by grouping sets (
        (month_start, account_id, product_line, effect, reason),
        (month_start, account_id, effect, reason)
    )
)

select
    month_start,
    account_id,
    product_line,
    {% for effect in ['price', 'seats', 'discount', 'other'] -%}
    sum(case when effect = '{{ effect }}' then effect_e6 else 0 end) as {{ effect }}_e6,
    {% endfor -%}
    arg_max(reason, (effect_e6, reason)) filter (where effect_e6 > 0) as reason_up,
    arg_min(reason, (effect_e6, reason)) filter (where effect_e6 < 0) as reason_down,
    arg_max(reason, (effect_e6, reason)) filter (where effect_e6 > 0 and reason <> 'item_added') as told_up,
    arg_min(reason, (effect_e6, reason)) filter (where effect_e6 < 0 and reason <> 'item_ended') as told_down
from by_reason
group by month_start, account_id, product_line
