-- Where contract and invoices differ in a month, or a credit was given: by unit, month and currency, in millionths of
-- it. A unit is right when its contract lies between what its charges come to at the least and at the most, but for a
-- cent a line; only what is not right, or was credited, is kept.
with invoiced_months as (
    select distinct month_start
    from {{ ref('int_money__billed_months') }}
),

earned as (
    select
        earned.month_start,
        earned.unit_no,
        earned.currency,
        cast(round(cast(earned.earned_e12 as double) / 1000000) as bigint) as earned_e6
    from {{ ref('int_money__earned_months') }} as earned
    inner join invoiced_months
        on earned.month_start = invoiced_months.month_start
    where earned.unit_no is not null
),

-- most units are right: they are told from few columns, and only the others are read again in full
suspects as (
    select
        month_start,
        unit_no,
        currency
    from (
        select month_start, unit_no, currency, earned_e6, 0 as low_e6, 0 as high_e6, 0 as charge_lines,
            false as is_credit
        from earned

        union all

        select month_start, unit_no, currency, 0, low_e6, high_e6, 1, line_type <> 'charge'
        from {{ ref('int_money__billed_months') }}
    )
    group by month_start, unit_no, currency
    having sum(earned_e6) < sum(low_e6) - 10000 * greatest(sum(charge_lines), 1)
        or sum(earned_e6) > sum(high_e6) + 10000 * greatest(sum(charge_lines), 1)
        or bool_or(is_credit)
),

sides as (
    select
        month_start,
        unit_no,
        currency,
        earned_e6,
        0 as low_e6,
        0 as high_e6,
        0 as charged_e6,
        0 as credited_e6,
        0 as refunded_e6,
        0 as credit_low_e6,
        0 as credit_high_e6,
        0 as charge_lines,
        cast(null as date) as charged_from
    from earned

    union all

    select
        month_start,
        unit_no,
        currency,
        0,
        case when line_type = 'charge' then low_e6 else 0 end,
        case when line_type = 'charge' then high_e6 else 0 end,
        case when line_type = 'charge' then counted_e6 else 0 end,
        case when line_type = 'credit' then counted_e6 else 0 end,
        case when line_type = 'refund' then counted_e6 else 0 end,
        case when line_type = 'charge' then 0 else low_e6 end,
        case when line_type = 'charge' then 0 else high_e6 end,
        cast(line_type = 'charge' as integer),
        case when line_type = 'charge' then service_start end
    from {{ ref('int_money__billed_months') }}
),

gaps as (
    select
        sides.month_start,
        sides.unit_no,
        sides.currency,
        {% for amount in ['earned', 'low', 'high', 'charged', 'credited', 'refunded', 'credit_low', 'credit_high'] -%}
        sum(sides.{{ amount }}_e6) as {{ amount }}_e6,
        {% endfor -%}
        sum(sides.charge_lines) as charge_lines,
        max(sides.charged_from) as charged_from
    from sides
    inner join suspects
        on sides.month_start = suspects.month_start
            and sides.unit_no = suspects.unit_no
            and sides.currency = suspects.currency
    group by sides.month_start, sides.unit_no, sides.currency
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
