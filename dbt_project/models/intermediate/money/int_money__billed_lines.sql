-- Recurring invoice lines (charges, credits and refunds without tax; drafts and void invoices left out) with the unit
-- they are compared with, their days of service, and what they come to a month. A charge is recurring if the line says
-- so, else as its item or product is; a credit goes with what it credits.
--
-- Billing systems count days in different ways when a period is cut short: a line over whole months has one monthly
-- worth, a prorated one lies between monthly_low and monthly_high.
with lines as (
    select
        lines.invoice_id,
        lines.line_id,
        lines.account_id as billed_account_id,
        coalesce(items.unit_no, families.unit_no) as unit_no,
        coalesce(items.product_id, families.product_id) as product_id,
        coalesce(items.has_several_products, false) as has_several_products,
        coalesce(items.is_recurring, families.is_recurring) as is_recurring_unit,
        items.interval_years,
        lines.is_recurring,
        coalesce(lines.is_proration, false) as is_proration,
        lines.line_type,
        lines.currency,
        lines.amount,
        coalesce(lines.service_start, lines.invoice_date) as service_start,
        lines.service_end
    from {{ ref('stg_finance__invoice_lines') }} as lines
    left join {{ ref('int_money__billing_units') }} as items
        on lines.item_id = items.item_id
    left join {{ ref('int_company__accounts') }} as accounts
        on lines.account_id = accounts.account_id
            and items.unit_no is null
    left join {{ ref('int_money__billing_units') }} as families
        on families.item_id is null
            and accounts.root_account_id = families.root_account_id
            and coalesce(lines.product_id, '') = coalesce(families.product_id, '')
    where lines.line_type in ('charge', 'credit', 'refund')
        and coalesce(lines.invoice_status, '') not in ('draft', 'void', 'voided', 'deleted')
        and lines.amount <> 0
),

-- without an end, a charge covers one billing interval, and a credit belongs to its day
dated as (
    select
        * exclude (service_end),
        case
            when service_end > service_start then service_end
            when line_type <> 'charge' then service_start + 1
            when interval_years < 0.07
                then service_start + cast(greatest(round(364 * interval_years), 1) as integer)
            else cast(
                service_start + to_months(cast(greatest(round(12 * coalesce(interval_years, 0)), 1) as integer)) as date
            )
        end as service_end
    from lines
    where unit_no is not null
        and case
            when line_type = 'charge' then coalesce(is_recurring, is_recurring_unit, true)
            else coalesce(is_recurring_unit, is_recurring, true)
        end
),

measured as (
    select
        *,
        cast(service_end - service_start as integer) as service_days,
        cast({{ term_days('service_start', 'service_end') }} as double)
            / {{ term_month_days('service_start', 'service_end') }} as months,
        -- the same in parts of calendar months
        12 * (extract(year from service_end) - extract(year from service_start))
            + extract(month from service_end) - extract(month from service_start)
            + (extract(day from service_end) - 1.0) / extract(day from {{ dbt.last_day('service_end', 'month') }})
            - (extract(day from service_start) - 1.0) / extract(day from {{ dbt.last_day('service_start', 'month') }})
            as calendar_months
    from dated
),

-- four quarters, each counted by its own days, make a year of 356 to 368 days
counted as (
    select
        *,
        months = round(months) and not is_proration as is_whole,
        case when abs(months - round(months)) <= 0.11 and round(months) >= 1 then round(months) else months end
            as whole_months
    from measured
),

spanned as (
    select
        *,
        case
            when is_whole then months
            else least(months, whole_months, calendar_months, service_days * 12 / 368.0)
        end as fewest_months,
        case
            when is_whole then months
            else greatest(months, whole_months, calendar_months, service_days * 12 / 356.0)
        end as most_months
    from counted
)

select
    cast(row_number() over () as integer) as line_no,
    unit_no,
    product_id,
    has_several_products,
    invoice_id,
    line_id,
    billed_account_id,
    line_type,
    currency,
    amount,
    service_start,
    service_end,
    service_days,
    least(cast(amount as double) / fewest_months, cast(amount as double) / most_months) as monthly_low,
    greatest(cast(amount as double) / fewest_months, cast(amount as double) / most_months) as monthly_high
from spanned
