-- The invoice lines of each gap, in millionths of their currency and, where it has a rate, of the reporting currency,
-- and whether a contract was in force on any day of the line's service.
with gap_months as (
    select
        gaps.month_start,
        gaps.unit_no,
        gaps.currency,
        gaps.compared_unit_no,
        months.line_no,
        months.low_e6,
        months.high_e6
    from {{ ref('int_money__billed_months') }} as months
    inner join {{ ref('int_money__billing_gaps') }} as gaps
        on months.month_start = gaps.month_start
            and months.unit_no = gaps.unit_no
            and months.currency = gaps.currency
),

lines as (
    select
        months.*,
        lines.invoice_id,
        lines.line_id,
        lines.line_type,
        lines.service_start,
        lines.service_end,
        cast(round(lines.monthly_low * rates.month_end_rate * 1000000) as bigint) as monthly_low_e6,
        cast(round(lines.monthly_high * rates.month_end_rate * 1000000) as bigint) as monthly_high_e6,
        rates.month_end_rate as rate,
        -- by days, and as near to that as counting months allows
        least(
            greatest(
                cast(
                    round(
                        cast(lines.amount as double) * cast(
                            least(lines.service_end, calendar.month_end + 1)
                            - greatest(lines.service_start, calendar.month_start) as integer
                        ) / lines.service_days * 1e6
                    ) as bigint
                ), months.low_e6
            ), months.high_e6
        ) as counted_e6
    from gap_months as months
    inner join {{ ref('int_money__billed_lines') }} as lines
        on months.line_no = lines.rowid
    inner join {{ ref('int_calendar__money_months') }} as calendar
        on months.month_start = calendar.month_start
    left join {{ ref('int_money__tie_out_rates') }} as rates
        on months.month_start = rates.month_start
            and months.currency = rates.currency
),

items as (
    select
        unit_no as compared_unit_no,
        item_id
    from {{ ref('int_money__billing_units') }}
    where item_id is not null

    union all

    select
        families.unit_no as compared_unit_no,
        units.item_id
    from {{ ref('int_money__billing_units') }} as families
    inner join {{ ref('int_money__billing_units') }} as units
        on families.root_account_id = units.root_account_id
            and families.product_id = units.product_id
    where families.item_id is null and units.item_id is not null
),

served as (
    select distinct lines.line_no
    from (select distinct line_no, compared_unit_no, service_start, service_end from lines) as lines
    inner join items
        on lines.compared_unit_no = items.compared_unit_no
    inner join {{ ref('int_money__item_terms') }} as terms
        on items.item_id = terms.item_id
            and terms.effective_from < lines.service_end
            and terms.service_to > lines.service_start
    where terms.is_counted and terms.gross_annual_e12 <> 0
)

select
    lines.* exclude (rate),
    {{ reporting_e6('lines.counted_e6', 'lines.rate') }} as charged_e6,
    served.line_no is not null as is_served
from lines
left join served
    on lines.line_no = served.line_no
