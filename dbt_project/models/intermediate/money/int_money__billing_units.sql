-- What invoice lines are compared with: an item of a contract (unit_no > 0), or, for lines that name no known item, all
-- items of one product in one family of accounts (unit_no < 0), since a child is often billed at its parent.
with named as (
    select
        terms.item_id,
        arg_max(terms.account_id, (terms.effective_from, terms.version_no)) as account_id,
        arg_max(terms.product_id, (terms.effective_from, terms.version_no)) as product_id,
        count(distinct terms.product_id) > 1 as has_several_products,
        bool_or(source.pricing_model <> 'metered' and coalesce(products.is_recurring, true)) as is_recurring,
        max(cast(terms.annual_denominator as double) / nullif(terms.annual_numerator, 0)) as interval_years
    from {{ ref('int_money__item_terms') }} as terms
    inner join {{ ref('stg_finance__subscription_items') }} as source
        on terms.item_id = source.item_id
            and terms.version_no = source.version_no
    inner join {{ ref('stg_finance__state') }} as state
        on state.has_invoices
    left join {{ ref('int_money__products') }} as products
        on terms.product_id = products.product_id
            and terms.effective_from >= products.valid_from
            and terms.effective_from < products.valid_to
    group by terms.item_id
),

unnamed as (
    select
        accounts.root_account_id,
        lines.product_id,
        min(lines.account_id) as account_id
    from {{ ref('stg_finance__invoice_lines') }} as lines
    inner join {{ ref('stg_finance__state') }} as state
        on state.mode = 'full'
    inner join {{ ref('int_company__accounts') }} as accounts
        on lines.account_id = accounts.account_id
    left join named
        on lines.item_id = named.item_id
    where named.item_id is null
    group by accounts.root_account_id, lines.product_id
),

recurring_products as (
    select
        product_id,
        bool_or(is_recurring) as is_recurring
    from {{ ref('int_money__products') }}
    group by product_id
)

select
    cast(row_number() over (order by named.item_id) as integer) as unit_no,
    named.item_id,
    named.account_id,
    accounts.root_account_id,
    named.product_id,
    named.has_several_products,
    named.is_recurring,
    named.interval_years
from named
inner join {{ ref('int_company__accounts') }} as accounts
    on named.account_id = accounts.account_id

union all

select
    cast(-row_number() over (order by unnamed.root_account_id, unnamed.product_id) as integer) as unit_no,
    null as item_id,
    unnamed.account_id,
    unnamed.root_account_id,
    unnamed.product_id,
    false as has_several_products,
    recurring_products.is_recurring,
    null as interval_years
from unnamed
left join recurring_products
    on unnamed.product_id = recurring_products.product_id
