-- Contract rows that should be ARR but cannot be valued as they stand, and amount discounts in a currency that is not
-- their item's: neither is guessed at, both are listed.
{{ config(alias='items_unvalued') }}

with terms as (
    select
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.account_id,
        terms.currency,
        items.billing_interval,
        items.pricing_model,
        items.committed_amount,
        terms.gross_annual_e12
    from {{ ref('int_money__item_terms') }} as terms
    inner join {{ ref('stg_finance__subscription_items') }} as items
        on terms.item_id = items.item_id
            and terms.version_no = items.version_no
),

amounts_off as (
    select item_id, subscription_id, currency
    from {{ ref('stg_finance__discounts') }}
    where kind = 'amount'
)

select
    item_id,
    version_no,
    account_id,
    case
        when pricing_model = 'committed_usage' and committed_amount is null then 'committed_amount_missing'
        when billing_interval = 'term' then 'term_without_dates'
        else 'interval_count_zero'
    end as problem
from terms
where gross_annual_e12 is null

union

select terms.item_id, terms.version_no, terms.account_id, 'discount_in_other_currency' as problem
from terms
inner join amounts_off
    on terms.item_id = amounts_off.item_id
        and terms.currency <> amounts_off.currency

union

select terms.item_id, terms.version_no, terms.account_id, 'discount_in_other_currency' as problem
from terms
inner join amounts_off
    on terms.subscription_id = amounts_off.subscription_id
        and terms.currency <> amounts_off.currency
where amounts_off.item_id is null
