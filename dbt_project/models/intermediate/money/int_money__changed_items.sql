-- The items behind movements: for each account and month in which a product line moved, its items in service at both
-- month ends, in reporting currency at the rate of the later one. New logos have no other side to compare with.
with changed as (
    select distinct
        lines.month_start,
        lines.account_id,
        {{ dbt.dateadd('month', -1, 'lines.month_start') }} as opening_month_start
    from {{ ref('int_money__line_movements') }} as lines
    where lines.movement <> 'new_logo'
),

sides as (
    select
        changed.month_start,
        false as is_closing,
        items.state_date,
        items.account_id, items.item_id, items.version_no, items.subscription_id, items.product_id, items.currency,
        items.gross_annual_e12, items.net_annual_e12
    from {{ ref('int_money__item_months') }} as items
    inner join changed
        on items.month_start = changed.opening_month_start
            and items.account_id = changed.account_id

    union all

    select
        changed.month_start,
        true as is_closing,
        items.state_date,
        items.account_id, items.item_id, items.version_no, items.subscription_id, items.product_id, items.currency,
        items.gross_annual_e12, items.net_annual_e12
    from {{ ref('int_money__item_months') }} as items
    inner join changed
        on items.month_start = changed.month_start
            and items.account_id = changed.account_id
)

select
    sides.month_start,
    sides.is_closing,
    sides.state_date,
    sides.account_id,
    chains.chain_id,
    sides.item_id,
    sides.subscription_id,
    sides.product_id,
    sides.currency,
    terms.pricing_model = 'committed_usage' as is_committed,
    -- a commitment is an amount, whatever quantity stands beside it
    case
        when terms.pricing_model = 'committed_usage' then cast(1 as decimal(18, 4))
        else terms.quantity
    end as quantity,
    {{ e12_to_e6('sides.gross_annual_e12', 'rates.fx_rate') }} as gross_e6,
    {{ e12_to_e6('sides.net_annual_e12', 'rates.fx_rate') }} as net_e6
from sides
inner join {{ ref('int_money__item_chains') }} as chains
    on sides.item_id = chains.item_id
inner join {{ ref('stg_finance__subscription_items') }} as terms
    on sides.item_id = terms.item_id
        and sides.version_no = terms.version_no
inner join {{ ref('int_money__fx_months') }} as rates
    on sides.month_start = rates.month_start
        and sides.currency = rates.currency
where rates.fx_rate is not null
