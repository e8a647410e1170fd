-- Recurring invoice lines spread by days over the complete months that they serve: one row per line and month. line_no
-- is the line's rowid in int_money__billed_lines.
with months as (
    select
        month_start,
        month_end,
        12 * extract(year from month_start) + extract(month from month_start) as month_no,
        extract(day from month_end) as month_days
    from {{ ref('int_calendar__money_months') }}
    where is_complete
),

bounds as (
    select
        min(month_start) as first_day,
        max(month_end) as last_day
    from months
),

lines as (
    select
        lines.rowid as line_no,
        lines.unit_no,
        lines.product_id,
        lines.has_several_products,
        lines.line_type = 'charge' as is_charge,
        lines.currency,
        lines.service_start,
        lines.service_end,
        -- a double, as everywhere where an amount is taken in part by days (macro part_e12)
        cast(lines.amount as double) as amount,
        lines.service_days,
        lines.monthly_low,
        lines.monthly_high,
        greatest(lines.service_start, bounds.first_day) as first_day,
        least(lines.service_end - 1, bounds.last_day) as last_day
    from {{ ref('int_money__billed_lines') }} as lines
    cross join bounds
    where lines.service_start <= bounds.last_day
        and lines.service_end > bounds.first_day
),

by_month as not materialized (
    select
        *,
        unnest(
            generate_series(
                12 * extract(year from first_day) + extract(month from first_day),
                12 * extract(year from last_day) + extract(month from last_day)
            )
        ) as month_no
    from lines
),

served as not materialized (
    select
        lines.*,
        months.month_start,
        months.month_end,
        cast(
            least(lines.service_end, months.month_end + 1) - greatest(lines.service_start, months.month_start) as integer
        ) as days,
        months.month_days
    from by_month as lines
    inner join months
        on lines.month_no = months.month_no
),

spread as not materialized (
    select
        line_no,
        unit_no,
        product_id,
        has_several_products,
        is_charge,
        currency,
        month_start,
        month_end,
        cast(round(amount * days / service_days * 1e12) as hugeint) as billed_e12,
        -- only to judge the line, in millionths: what it comes to in the month at the least and at the most when
        -- months are counted
        cast(round(monthly_low * (1000000.0 * days / month_days)) as bigint) as low_e6,
        cast(round(monthly_high * (1000000.0 * days / month_days)) as bigint) as high_e6
    from served
)

select line_no, unit_no, month_start, product_id, is_charge, currency, billed_e12, low_e6, high_e6
from spread
where not coalesce(has_several_products, false)

union all

-- an item that changed its product is read with the one that it has at month end: few items do, and a join of every
-- line would take the memory of them all
select
    spread.line_no,
    spread.unit_no,
    spread.month_start,
    coalesce(terms.product_id, spread.product_id) as product_id,
    spread.is_charge,
    spread.currency,
    spread.billed_e12,
    spread.low_e6,
    spread.high_e6
from spread
inner join {{ ref('int_money__billing_units') }} as units
    on spread.unit_no = units.unit_no
left join {{ ref('int_money__item_terms') }} as terms
    on units.item_id = terms.item_id
        and spread.month_end >= terms.effective_from
        and spread.month_end < terms.service_to
where spread.has_several_products
