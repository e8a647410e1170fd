{# What a row of int_money__billing_causes (aliased causes) says to whoever has to settle it. #}
{% macro billing_note() -%}
    case causes.cause
        when 'contract_without_bill' then case
            when causes.invoice_id is null
                then 'In service, and no invoice line covers the month.'
            else 'In service, and not all of its days in the month are covered by an invoice line.'
        end
        when 'billed_without_contract' then 'Billed, but no contract was in force on any day of the line''s service.'
        when 'price_mismatch' then 'Billed at another price than the contract''s, which is worth '
            || cast(round(causes.earned_e6 * cast('0.000001' as decimal(38, 6)), 2) as decimal(18, 2)) || ' in the month.'
        when 'part_month' then 'The contract began, ended or changed within the month, and the bill did not follow by the day.'
        when 'billed_ahead'
            then 'Right when it was billed; the contract has ended, paused or become cheaper since, without a credit.'
        when 'discount' then 'Right when it was billed; a discount has begun or run out since.'
        when 'fx' then 'Billed in another currency than the contract''s, within the rates of the twelve months before.'
        when 'credit' then 'Credit note.'
        when 'refund' then 'Refund.'
    end
    || case
        when causes.invoice_id is not null
            then ' Service ' || causes.service_start || ' to ' || causes.service_end
                || case when causes.lines > 1 then ', the last of ' || causes.lines || ' lines.' else '.' end
        else ''
    end
    || case
        when causes.item_id is null then ' The invoice names no known item: compared by account family and product.'
        else ''
    end
    || case
        when causes.billed_account_id <> causes.account_id then ' Billed to account ' || causes.billed_account_id || '.'
        else ''
    end
{%- endmacro %}
