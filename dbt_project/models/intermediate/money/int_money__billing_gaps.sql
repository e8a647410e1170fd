-- Where contract and invoices differ in a month, or a credit was given: by unit, month and currency, in millionths of
-- it. A unit is right when its contract lies between what its charges come to at the least and at the most, but for a
-- cent a line; only what is not right, or was credited, is kept. over_low_e6 is the contract less the least that all of
-- the unit's lines come to.
with sides as (
    select
        month_start,
        unit_no,
        currency,
        cast(round(cast(earned_e12 as double) / 1000000) as bigint) as over_low_e6,
        cast(round(cast(earned_e12 as double) / 1000000) as bigint) as over_high_e6,
        cast(null as boolean) as is_charge
    from {{ ref('int_money__earned_months') }}
    where unit_no is not null

    union all

    select
        month_start,
        unit_no,
        currency,
        -low_e6,
        -high_e6,
        is_charge
    from {{ ref('int_money__billed_months') }}
),

gaps as (
    select
        month_start,
        unit_no,
        currency,
        cast(sum(over_low_e6) as bigint) as over_low_e6
    from sides
    group by month_start, unit_no, currency
    having sum(over_low_e6) < -10000 * greatest(count(is_charge), 1)
        or sum(over_high_e6) > 10000 * greatest(count(is_charge), 1)
        or not bool_and(is_charge)
),

invoiced_months as (
    select distinct month_start
    from {{ ref('int_money__billed_months') }}
),

-- what was billed without naming an item is compared with all that no invoice line names in that family and product
families as (
    select distinct
        gaps.month_start,
        units.root_account_id,
        units.product_id,
        units.unit_no
    from gaps
    inner join {{ ref('int_money__billing_units') }} as units
        on gaps.unit_no = units.unit_no
    where gaps.unit_no < 0
)

select
    gaps.*,
    coalesce(families.unit_no, gaps.unit_no) as compared_unit_no
from gaps
inner join invoiced_months
    on gaps.month_start = invoiced_months.month_start
inner join {{ ref('int_money__billing_units') }} as units
    on gaps.unit_no = units.unit_no
left join families
    on gaps.month_start = families.month_start
        and units.root_account_id = families.root_account_id
        and units.product_id = families.product_id
