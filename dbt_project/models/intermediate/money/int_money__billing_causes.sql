-- Every gap between contract and invoices named: contract minus invoices, in millionths of the reporting currency.
{{ config(materialized='view') }}

with lines as (
    select
        month_start,
        compared_unit_no,
        line_type,
        arg_max(line_no, (service_start, monthly_high_e6, invoice_id, line_id)) as last_line_no,
        count(*) as lines,
        coalesce(sum(charged_e6) filter (where not is_served), 0) as unserved_e6
    from {{ ref('int_money__billing_gap_lines') }}
    group by month_start, compared_unit_no, line_type
),

gaps as (
    select
        gaps.*,
        coalesce(evidence.written_e6, 0) as written_e6,
        coalesce(evidence.written_gross_e6, 0) as written_gross_e6,
        coalesce(evidence.gross_e6, 0) as gross_e6,
        coalesce(evidence.is_part_month, false) as is_part_month,
        coalesce(evidence.was_right, false) as was_right,
        coalesce(charges.unserved_e6, 0) as unserved_e6
    from {{ ref('int_money__billing_compared') }} as gaps
    left join {{ ref('int_money__billing_evidence') }} as evidence
        on gaps.month_start = evidence.month_start
            and gaps.compared_unit_no = evidence.compared_unit_no
    left join lines as charges
        on gaps.month_start = charges.month_start
            and gaps.compared_unit_no = charges.compared_unit_no
            and charges.line_type = 'charge'
),

-- a bill for a time without any contract is named apart from the rest of its gap
unserved as (
    select
        *,
        case when open_e6 <> 0 then -unserved_e6 else 0 end as by_no_contract_e6,
        open_e6 + case when open_e6 <> 0 then unserved_e6 else 0 end as rest_e6
    from gaps
),

caused as (
    select
        *,
        case
            when charge_lines = 0 then 'contract_without_bill'
            when is_fx then 'fx'
            when not was_right and earned_e6 <> 0 then 'price_mismatch'
            when is_part_month then 'part_month'
            when rest_e6 < 0 and abs(written_gross_e6 - gross_e6) <= cents_e6 then 'discount'
            when rest_e6 < 0 then 'billed_ahead'
            when written_gross_e6 >= gross_e6 - cents_e6 and written_e6 < earned_e6 - cents_e6 then 'discount'
            when written_gross_e6 >= gross_e6 - cents_e6 then 'contract_without_bill'
            else 'price_mismatch'
        end as rest_cause
    from unserved
),

rows_by_cause as (
    select month_start, compared_unit_no, only_item_no, earned_e6, 'charge' as line_type, rest_cause as cause,
        rest_e6 as amount_e6
    from caused
    where abs(rest_e6) > case when by_no_contract_e6 <> 0 then cents_e6 else 0 end

    union all

    select month_start, compared_unit_no, only_item_no, earned_e6, 'charge', 'billed_without_contract', by_no_contract_e6
    from caused
    where by_no_contract_e6 <> 0

    union all

    select month_start, compared_unit_no, only_item_no, earned_e6, 'credit', 'credit', by_credit_e6
    from caused
    where by_credit_e6 <> 0

    union all

    select month_start, compared_unit_no, only_item_no, earned_e6, 'refund', 'refund', by_refund_e6
    from caused
    where by_refund_e6 <> 0
)

select
    causes.month_start,
    compared.root_account_id,
    coalesce(items.account_id, compared.account_id) as account_id,
    coalesce(items.item_id, compared.item_id) as item_id,
    compared.product_id,
    last_lines.invoice_id,
    last_lines.line_id,
    last_lines.billed_account_id,
    last_lines.service_start,
    last_lines.service_end,
    coalesce(lines.lines, 0) as lines,
    causes.cause,
    causes.earned_e6,
    causes.amount_e6
from rows_by_cause as causes
inner join {{ ref('int_money__billing_units') }} as compared
    on causes.compared_unit_no = compared.unit_no
left join {{ ref('int_money__billing_units') }} as items
    on causes.only_item_no = items.unit_no
left join lines
    on causes.month_start = lines.month_start
        and causes.compared_unit_no = lines.compared_unit_no
        and causes.line_type = lines.line_type
left join {{ ref('int_money__billed_lines') }} as last_lines
    on lines.last_line_no = last_lines.rowid
