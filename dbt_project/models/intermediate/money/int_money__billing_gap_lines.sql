-- The invoice lines of each gap: those of one kind together, the largest of them by name, and how much of the charges
-- was for a time in which no contract was in force on any day. Millionths of the reporting currency.
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
        lines.monthly_low,
        lines.monthly_high,
        gaps.charged_from >= lines.service_start and gaps.charged_from < lines.service_end as is_last_bill,
        (months.low_e6 + months.high_e6) / 2 * rates.month_end_rate as charged_e6,
        rates.month_end_rate as rate
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

compared_items as (
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
    inner join compared_items
        on lines.compared_unit_no = compared_items.compared_unit_no
    inner join {{ ref('int_money__item_terms') }} as terms
        on compared_items.item_id = terms.item_id
            and terms.effective_from < lines.service_end
            and terms.service_to > lines.service_start
    where terms.is_counted and terms.gross_annual_e12 <> 0
)

select
    lines.month_start,
    lines.compared_unit_no,
    lines.line_type,
    arg_max(
        {'invoice_id': lines.invoice_id, 'line_id': lines.line_id, 'account_id': lines.billed_account_id,
            'service_start': lines.service_start, 'service_end': lines.service_end},
        (lines.service_start, lines.monthly_high, lines.invoice_id, lines.line_id)
    ) as line,
    count(*) as lines,
    cast(coalesce(sum(round(lines.charged_e6)) filter (where served.line_no is null), 0) as hugeint) as unserved_e6,
    sum(lines.monthly_low * lines.rate * 1000000) filter (where lines.is_last_bill) as written_low_e6,
    sum(lines.monthly_high * lines.rate * 1000000) filter (where lines.is_last_bill) as written_high_e6
from lines
left join served
    on lines.line_no = served.line_no
group by lines.month_start, lines.compared_unit_no, lines.line_type
