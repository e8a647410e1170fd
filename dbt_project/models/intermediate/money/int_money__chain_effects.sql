-- What changed a contract's worth between two month ends, told apart: price (old quantity at the change of price),
-- seats (change of quantity at the new price), discount (what discounts that began, ended or were shared out anew take
-- away or give back) and everything else. The four sum to the change. Millionths of the reporting currency.
{% set noise = 1000 %} {# a tenth of a cent: what rounding to millionths cannot reach #}

with changes as (
    select
        *,
        closing_net_e6 - opening_net_e6 as change_e6,
        has_opening and has_closing and opening_gross_e6 <> 0 and closing_gross_e6 <> 0 as is_continuing,
        cast(opening_net_e6 as double) * (closing_gross_e6 / nullif(cast(opening_gross_e6 as double), 0))
            as expected_net_e6,
        cast(opening_gross_e6 as double) * (cast(closing_quantity as double) / nullif(cast(opening_quantity as double), 0))
            as gross_at_old_price_e6
    from {{ ref('int_money__chain_changes') }}
),

-- what the change would be without the discounts' own: amounts off stay the same while price or quantity change
rediscounted as (
    select
        *,
        case
            when is_continuing
                and abs(closing_net_e6 - expected_net_e6) >= {{ noise }}
                and (is_rediscounted or abs(closing_gross_e6 - opening_gross_e6) < {{ noise }})
                then closing_net_e6 - cast(round(expected_net_e6) as hugeint)
            else 0
        end as discount_e6
    from changes
),

priced as (
    select
        *,
        case
            when not is_continuing or not is_same_product or is_committed then 0
            when opening_quantity = closing_quantity then change_e6 - discount_e6
            when abs(closing_gross_e6 - gross_at_old_price_e6) < {{ noise }} then 0
            else cast(
                round(
                    opening_net_e6
                    * (closing_gross_e6 / nullif(gross_at_old_price_e6, 0) - 1)
                ) as hugeint
            )
        end as price_e6
    from rediscounted
),

told_apart as (
    select
        *,
        case
            when is_continuing and is_same_product and not is_committed then change_e6 - discount_e6 - price_e6
            else 0
        end as seats_e6
    from priced
)

select
    effects.month_start,
    effects.account_id,
    effects.chain_id,
    effects.opening_net_e6,
    effects.closing_net_e6,
    effects.is_same_product,
    effects.price_e6,
    effects.seats_e6,
    effects.discount_e6,
    effects.change_e6 - effects.price_e6 - effects.seats_e6 - effects.discount_e6 as other_e6,
    case
        when effects.discount_e6 < 0 and effects.closing_net_e6 = 0 then 'to_free'
        when effects.discount_e6 > 0 and effects.is_rediscounted then 'discount_expiry'
        else 'discount'
    end as discount_reason,
    case
        when effects.has_closing and not effects.has_opening then coalesce(reasons.reason, 'item_added')
        when effects.has_opening and not effects.has_closing then coalesce(reasons.reason, 'item_ended')
        when not effects.is_same_product then 'plan'
        when effects.is_committed then 'commitment'
    end as other_reason
from told_apart as effects
left join {{ ref('int_money__chain_reasons') }} as reasons
    on effects.month_start = reasons.month_start
        and effects.account_id = reasons.account_id
        and effects.chain_id = reasons.chain_id
