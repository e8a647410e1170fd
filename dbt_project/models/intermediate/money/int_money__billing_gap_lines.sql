-- The invoice lines of each gap in the reporting currency, in millionths, and whether a contract was in force on any day
-- of the line's service.
with lines as (
    select
        gaps.month_start,
        gaps.compared_unit_no,
        lines.line_no,
        lines.invoice_id,
        lines.line_id,
        lines.billed_account_id,
        lines.line_type,
        lines.service_start,
        lines.service_end,
        cast(round(lines.monthly_low * rates.month_end_rate * 1000000) as bigint) as monthly_low_e6,
        cast(round(lines.monthly_high * rates.month_end_rate * 1000000) as bigint) as monthly_high_e6,
        cast(round(months.counted_e6 * rates.month_end_rate) as bigint) as charged_e6
    from {{ ref('int_money__billing_compared') }} as gaps
    inner join {{ ref('int_money__billing_gaps') }} as members
        on gaps.month_start = members.month_start
            and gaps.compared_unit_no = members.compared_unit_no
    inner join {{ ref('int_money__billed_months') }} as months
        on members.month_start = months.month_start
            and members.unit_no = months.unit_no
            and members.currency = months.currency
    inner join {{ ref('int_money__billed_lines') }} as lines
        on months.line_no = lines.line_no
    inner join {{ ref('int_money__tie_out_rates') }} as rates
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
    lines.*,
    served.line_no is not null as is_served
from lines
left join served
    on lines.line_no = served.line_no
