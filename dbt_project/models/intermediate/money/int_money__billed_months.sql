-- Recurring invoice lines spread by days over the complete months that they serve: one row per line and month.
with bounds as (
    select
        min(month_start) as first_day,
        max(month_end) as last_day
    from {{ ref('int_calendar__money_months') }}
    where is_complete
),

by_month as (
    select
        lines.*,
        cast(
            unnest(
                generate_series(
                    {{ dbt.date_trunc('month', 'greatest(lines.service_start, bounds.first_day)') }},
                    least(lines.service_end - 1, bounds.last_day),
                    interval 1 month
                )
            ) as date
        ) as month_start
    from {{ ref('int_money__billed_lines') }} as lines
    cross join bounds
    where lines.service_start <= bounds.last_day
        and lines.service_end > bounds.first_day
),

dated as (
    select
        *,
        {{ dbt.last_day('month_start', 'month') }} as month_end
    from by_month
),

served as (
    select
        *,
        cast(least(service_end, month_end + 1) - greatest(service_start, month_start) as integer) as days
    from dated
),

-- a double, as everywhere where an amount is taken in part by days (macro part_e12)
spread as (
    select
        *,
        cast(amount as double) * days / service_days as by_days,
        1000000.0 * days / extract(day from month_end) as millionths
    from served
)

select
    served.line_no,
    served.unit_no,
    served.month_start,
    coalesce(terms.product_id, served.product_id) as product_id,
    served.line_type,
    served.currency,
    served.service_start,
    cast(round(served.by_days * 1e12) as hugeint) as billed_e12,
    -- only to judge the line, in millionths: what it comes to in the month at the least and at the most when months are
    -- counted, and as near to its days as that allows
    cast(round(served.monthly_low * served.millionths) as bigint) as low_e6,
    cast(round(served.monthly_high * served.millionths) as bigint) as high_e6,
    cast(
        round(
            least(
                greatest(served.by_days * 1e6, served.monthly_low * served.millionths),
                served.monthly_high * served.millionths
            )
        ) as bigint
    ) as counted_e6
from spread as served
-- an item that changed its product is read with the one that it has at month end
left join {{ ref('int_money__billing_units') }} as units
    on case when served.has_several_products then served.unit_no end = units.unit_no
left join {{ ref('int_money__item_terms') }} as terms
    on units.item_id = terms.item_id
        and served.month_end >= terms.effective_from
        and served.month_end < terms.service_to
