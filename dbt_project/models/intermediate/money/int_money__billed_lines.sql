-- Recurring invoice lines (charges, credits and refunds without tax; drafts and void invoices left out) with the unit
-- they are compared with, their days of service, and what they come to a month. A charge is recurring if the line says
-- so, else as its item or product is; a credit goes with what it credits.
--
-- Billing systems count days in different ways when a period is cut short: a line over whole months has one monthly
-- worth, a prorated one lies between monthly_low and monthly_high.
--
-- A table, always: int_money__billing_gap_lines finds its lines again by rowid. A number of our own would be counted
-- in one thread, and the two names of a line are long to join by.
with billed as (
    select
        lines.invoice_id,
        lines.line_id,
        lines.account_id as billed_account_id,
        lines.product_id as billed_product_id,
        lines.is_recurring,
        coalesce(lines.is_proration, false) as is_proration,
        lines.line_type,
        lines.currency,
        lines.amount,
        coalesce(lines.service_start, lines.invoice_date) as service_start,
        lines.service_end,
        items.unit_no,
        items.product_id,
        items.has_several_products,
        items.is_recurring as is_recurring_unit,
        items.interval_years
    from {{ ref('stg_finance__invoice_lines') }} as lines
    left join {{ ref('int_money__billing_units') }} as items
        on lines.item_id = items.item_id
    where lines.line_type in ('charge', 'credit', 'refund')
        and coalesce(lines.invoice_status, '') not in ('draft', 'void', 'voided', 'deleted')
        and lines.amount <> 0
),

lines as (
    select *
    from billed
    where unit_no is not null

    union all

    select
        billed.* replace (
            families.unit_no as unit_no,
            families.product_id as product_id,
            false as has_several_products,
            families.is_recurring as is_recurring_unit
        )
    from billed
    inner join {{ ref('int_company__accounts') }} as accounts
        on billed.billed_account_id = accounts.account_id
    inner join {{ ref('int_money__billing_units') }} as families
        on accounts.root_account_id = families.root_account_id
            and coalesce(billed.billed_product_id, '') = coalesce(families.product_id, '')
    where billed.unit_no is null
        and families.item_id is null
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
    where case
        when line_type = 'charge' then coalesce(is_recurring, is_recurring_unit, true)
        else coalesce(is_recurring_unit, is_recurring, true)
    end
),

measured as (
    select
        *,
        cast(service_end - service_start as integer) as service_days,
        12 * (extract(year from service_end) - extract(year from service_start))
            + extract(month from service_end) - extract(month from service_start) as month_numbers,
        extract(day from service_start) as start_day,
        extract(day from service_end) as end_day
    from dated
),

-- months from the start, and the days left over as a part of the month that they fall in
counted as (
    select
        *,
        case
            when start_day = end_day then cast(month_numbers as double)
            else {{ months_between('service_start', 'service_end', 'month_numbers - cast(end_day < start_day as integer)') }}
        end as months,
        -- the same in parts of calendar months
        case
            when start_day = end_day and not is_proration then cast(month_numbers as double)
            else month_numbers
                + (end_day - 1.0) / extract(day from {{ dbt.last_day('service_end', 'month') }})
                - (start_day - 1.0) / extract(day from {{ dbt.last_day('service_start', 'month') }})
        end as calendar_months
    from measured
),

-- four quarters, each counted by its own days, make a year of 356 to 368 days
spanned as (
    select
        *,
        case
            when months = round(months) and not is_proration then months
            else least(
                months, calendar_months, service_days * 12 / 368.0,
                case when abs(months - round(months)) <= 0.11 and round(months) >= 1 then round(months) end
            )
        end as fewest_months,
        case
            when months = round(months) and not is_proration then months
            else greatest(
                months, calendar_months, service_days * 12 / 356.0,
                case when abs(months - round(months)) <= 0.11 and round(months) >= 1 then round(months) end
            )
        end as most_months
    from counted
)

select
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
