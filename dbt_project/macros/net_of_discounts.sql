{# The recurring ARR of items after discounts, as a query body.

   `items` names a relation of item versions at a date: month_start, state_date (items of one subscription at the same
   state_date share its amounts), valuation_date (on which a discount must be in force), item_id, version_no,
   subscription_id, currency, gross_annual_e12, annual_numerator, annual_denominator. Adds net_annual_e12.

   Percents compound first; then amounts, which are per billing interval of the item; an amount of a whole subscription
   is shared pro rata to gross. Nothing falls below zero. #}
{% macro net_of_discounts(items) %}
{%- set amount_off = divide_half_up(
    '(in_force.discount_e12 * in_force.annual_numerator)', 'in_force.annual_denominator'
) %}
with policy as (
    select discount_policy
    from {{ ref('stg_company__settings') }}
),

-- a one-time discount is never recurring money
counted_discounts as (
    select
        discounts.*,
        {{ to_e12('discounts.discount_value') }} as discount_e12,
        cast((100 - least(greatest(discounts.discount_value, 0), 100)) * 10000 as hugeint) as kept_millionths
    from {{ ref('stg_finance__discounts') }} as discounts
    inner join policy
        on (policy.discount_policy = 'recurring' and discounts.duration in ('repeating', 'forever'))
            or (policy.discount_policy = 'forever_only' and discounts.duration = 'forever')
),

in_force as (
    select
        items.*,
        discounts.discount_id,
        discounts.kind,
        discounts.discount_e12,
        discounts.kept_millionths,
        false as is_of_subscription
    from {{ items }} as items
    inner join counted_discounts as discounts
        on items.item_id = discounts.item_id
            and items.valuation_date >= discounts.starts_on
            and items.valuation_date < coalesce(discounts.ends_on, date '9999-12-31')
    where discounts.kind = 'percent' or coalesce(discounts.currency, items.currency) = items.currency

    union all

    select
        items.*,
        discounts.discount_id,
        discounts.kind,
        discounts.discount_e12,
        discounts.kept_millionths,
        true as is_of_subscription
    from {{ items }} as items
    inner join counted_discounts as discounts
        on items.subscription_id = discounts.subscription_id
            and discounts.item_id is null
            and items.valuation_date >= discounts.starts_on
            and items.valuation_date < coalesce(discounts.ends_on, date '9999-12-31')
    where discounts.kind = 'percent' or coalesce(discounts.currency, items.currency) = items.currency
),

discounted_subscriptions as (
    select distinct
        subscription_id,
        state_date
    from in_force
    where is_of_subscription and kind = 'amount'
),

subscription_gross as (
    select
        items.subscription_id,
        items.state_date,
        items.currency,
        sum(items.gross_annual_e12) as gross_annual_e12
    from {{ items }} as items
    inner join discounted_subscriptions
        on items.subscription_id = discounted_subscriptions.subscription_id
            and items.state_date = discounted_subscriptions.state_date
    group by items.subscription_id, items.state_date, items.currency
),

reductions as (
    select
        in_force.item_id,
        in_force.version_no,
        in_force.state_date,
        list(in_force.kept_millionths order by in_force.discount_id) filter (where in_force.kind = 'percent')
            as kept_millionths,
        sum(
            case
                when not in_force.is_of_subscription then {{ amount_off }}
                -- a share of a sum has no finite decimal form: the double's error (1e-16 of the amount) is far below
                -- the eighth digit at which cents are decided
                else cast(
                    {{ amount_off }} * (in_force.gross_annual_e12 / nullif(cast(gross.gross_annual_e12 as double), 0))
                    as hugeint
                )
            end
        ) filter (where in_force.kind = 'amount') as amount_e12
    from in_force
    left join subscription_gross as gross
        on in_force.subscription_id = gross.subscription_id
            and in_force.state_date = gross.state_date
            and in_force.currency = gross.currency
    group by in_force.item_id, in_force.version_no, in_force.state_date
)

select
    items.*,
    case
        -- a negative item is itself a deduction: there is nothing left to discount
        when reductions.item_id is null or items.gross_annual_e12 <= 0 then items.gross_annual_e12
        else greatest(
            0,
            coalesce(
                list_reduce(
                    reductions.kept_millionths,
                    lambda running, kept: (2 * running * kept + 1000000) // 2000000,
                    items.gross_annual_e12
                ),
                items.gross_annual_e12
            ) - coalesce(reductions.amount_e12, 0)
        )
    end as net_annual_e12
from {{ items }} as items
left join reductions
    on items.item_id = reductions.item_id
        and items.version_no = reductions.version_no
        and items.state_date = reductions.state_date
{% endmacro %}
