-- Contracts whose worth changed between two month ends, followed through renewals and plan swaps (item chains): what
-- they cost before and after discounts, and what was sold.
with sums as (
    select
        month_start,
        account_id,
        chain_id,
        {% for name in ['net_e6', 'gross_e6', 'quantity'] -%}
        sum(case when not is_closing then {{ name }} else 0 end) as opening_{{ name }},
        sum(case when is_closing then {{ name }} else 0 end) as closing_{{ name }},
        {% endfor -%}
        bool_or(not is_closing) as has_opening,
        bool_or(is_closing) as has_closing,
        min(product_id) as product_id,
        min(product_id) = max(product_id) as is_same_product,
        bool_and(is_committed) as is_committed,
        bool_or(net_e6 <> gross_e6) as is_discounted
    from {{ ref('int_money__changed_items') }}
    group by month_start, account_id, chain_id
),

-- which discounts lie on a discounted contract at either month end, under the discount policy
discounts as (
    select discounts.*
    from {{ ref('stg_finance__discounts') }} as discounts
    inner join {{ ref('stg_company__settings') }} as settings
        on (settings.discount_policy = 'recurring' and discounts.duration in ('repeating', 'forever'))
            or (settings.discount_policy = 'forever_only' and discounts.duration = 'forever')
),

discounted_items as (
    select items.*
    from {{ ref('int_money__changed_items') }} as items
    inner join sums
        on items.month_start = sums.month_start
            and items.account_id = sums.account_id
            and items.chain_id = sums.chain_id
    where sums.is_discounted and sums.has_opening and sums.has_closing
),

in_force as (
    select items.month_start, items.account_id, items.chain_id, items.is_closing, discounts.discount_id
    from discounted_items as items
    inner join discounts
        on items.item_id = discounts.item_id
            and items.state_date >= discounts.starts_on
            and items.state_date < coalesce(discounts.ends_on, date '9999-12-31')

    union

    select items.month_start, items.account_id, items.chain_id, items.is_closing, discounts.discount_id
    from discounted_items as items
    inner join discounts
        on items.subscription_id = discounts.subscription_id
            and discounts.item_id is null
            and items.state_date >= discounts.starts_on
            and items.state_date < coalesce(discounts.ends_on, date '9999-12-31')
),

rediscounted as (
    select distinct
        month_start,
        account_id,
        chain_id
    from (
        select month_start, account_id, chain_id
        from in_force
        group by month_start, account_id, chain_id, discount_id
        having count(*) = 1
    ) as on_one_side
)

select
    sums.*,
    rediscounted.chain_id is not null as is_rediscounted
from sums
left join rediscounted
    on sums.month_start = rediscounted.month_start
        and sums.account_id = rediscounted.account_id
        and sums.chain_id = rediscounted.chain_id
