-- The contract versions of each open gap's items, whenever they served, with the month's rate.
with open_gaps as (
    select
        month_start,
        {{ dbt.last_day('month_start', 'month') }} as month_end,
        compared_unit_no
    from {{ ref('int_money__billing_compared') }}
    where open_e6 <> 0 and charge_lines > 0
),

-- a family's items that invoices of the month do name are left to themselves
items as (
    select
        gaps.month_start,
        gaps.month_end,
        gaps.compared_unit_no,
        units.item_id
    from open_gaps as gaps
    inner join {{ ref('int_money__billing_units') }} as units
        on gaps.compared_unit_no = units.unit_no
    where units.item_id is not null

    union all

    select
        gaps.month_start,
        gaps.month_end,
        gaps.compared_unit_no,
        units.item_id
    from open_gaps as gaps
    inner join {{ ref('int_money__billing_units') }} as families
        on gaps.compared_unit_no = families.unit_no
    inner join {{ ref('int_money__billing_units') }} as units
        on families.root_account_id = units.root_account_id
            and families.product_id = units.product_id
    where families.item_id is null
        and units.item_id is not null
        and not exists (
            select 1
            from {{ ref('int_money__billed_months') }} as named
            where named.unit_no = units.unit_no and named.month_start = gaps.month_start
        )
)

select
    items.month_start,
    items.month_end,
    items.compared_unit_no,
    terms.item_id,
    terms.version_no,
    terms.subscription_id,
    terms.effective_from,
    terms.service_to,
    terms.gross_annual_e12,
    rates.month_end_rate as rate
from items
inner join {{ ref('int_money__item_terms') }} as terms
    on items.item_id = terms.item_id
left join {{ ref('int_money__tie_out_rates') }} as rates
    on items.month_start = rates.month_start
        and terms.currency = rates.currency
where terms.is_counted and terms.gross_annual_e12 <> 0 and terms.effective_from < terms.service_to
