-- Where contract and invoices differ in a month, or a credit was given: by unit, month and currency, in millionths of
-- it. A unit is right when its contract lies between what its charges come to at the least and at the most, but for a
-- cent a line; only what is not right, or was credited, is kept.
with invoiced_months as (
    select distinct month_start
    from {{ ref('int_money__billed_months') }}
),

sides as (
    select
        earned.month_start,
        units.unit_no,
        earned.currency,
        cast(earned.earned_e12 // 1000000 as bigint) as earned_e6,
        0 as low_e6,
        0 as high_e6,
        0 as credited_e6,
        0 as refunded_e6,
        0 as charge_lines,
        cast(null as date) as charged_from
    from {{ ref('int_money__earned_months') }} as earned
    inner join invoiced_months
        on earned.month_start = invoiced_months.month_start
    inner join {{ ref('int_money__billing_units') }} as units
        on earned.item_id = units.item_id

    union all

    select
        month_start,
        unit_no,
        currency,
        0,
        case when line_type = 'charge' then low_e6 else 0 end,
        case when line_type = 'charge' then high_e6 else 0 end,
        case when line_type = 'credit' then cast(billed_e12 // 1000000 as bigint) else 0 end,
        case when line_type = 'refund' then cast(billed_e12 // 1000000 as bigint) else 0 end,
        cast(line_type = 'charge' as integer),
        case when line_type = 'charge' then service_start end
    from {{ ref('int_money__billed_months') }}
),

gaps as (
    select
        month_start,
        unit_no,
        currency,
        sum(earned_e6) as earned_e6,
        sum(low_e6) as low_e6,
        sum(high_e6) as high_e6,
        sum(credited_e6) as credited_e6,
        sum(refunded_e6) as refunded_e6,
        sum(charge_lines) as charge_lines,
        max(charged_from) as charged_from
    from sides
    group by month_start, unit_no, currency
    having sum(earned_e6) < sum(low_e6) - 10000 * greatest(sum(charge_lines), 1)
        or sum(earned_e6) > sum(high_e6) + 10000 * greatest(sum(charge_lines), 1)
        or sum(credited_e6) <> 0
        or sum(refunded_e6) <> 0
),

-- what was billed without naming an item is compared with all that no invoice line names in that family and product
families as (
    select
        gaps.month_start,
        units.root_account_id,
        units.product_id,
        units.unit_no
    from gaps
    inner join {{ ref('int_money__billing_units') }} as units
        on gaps.unit_no = units.unit_no
    where gaps.unit_no < 0
    group by gaps.month_start, units.root_account_id, units.product_id, units.unit_no
)

select
    gaps.*,
    coalesce(families.unit_no, gaps.unit_no) as compared_unit_no
from gaps
inner join {{ ref('int_money__billing_units') }} as units
    on gaps.unit_no = units.unit_no
left join families
    on gaps.month_start = families.month_start
        and units.root_account_id = families.root_account_id
        and units.product_id = families.product_id
