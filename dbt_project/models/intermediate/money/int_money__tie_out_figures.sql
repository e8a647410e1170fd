-- The figures of arr_to_billing and mrr_to_gl: contract revenue against invoices and against the ledger, for the company
-- and for every product line, in the months that finance handed over both sides for.
with state as (
    select
        mode <> 'none' and has_gl as has_gl,
        mode = 'full' and has_invoices as has_invoices
    from {{ ref('stg_finance__state') }}
),

covered as (
    select
        min(month_start) filter (where side = 'invoices') as invoices_from,
        min(month_start) filter (where side = 'ledger') as ledger_from,
        coalesce(bool_or(side = 'ledger' and product_line <> 'unassigned'), false) as has_ledger_lines
    from {{ ref('int_money__tie_out_sums') }}
),

-- invoices or ledger of before the first month that finance handed them over for are not missing, they are not there
months as (
    select
        months.month_start,
        checks.check_key,
        checks.side,
        case
            when checks.side = 'invoices' then state.has_invoices and months.month_start >= covered.invoices_from
            else state.has_gl and months.month_start >= covered.ledger_from
        end as is_configured,
        exists (
            select 1
            from {{ ref('int_money__tie_out_sums') }} as sums
            where sums.month_start = months.month_start and sums.side = checks.side
        ) as has_side,
        checks.side = 'invoices' or covered.has_ledger_lines as has_lines
    from {{ ref('int_calendar__money_months') }} as months
    cross join (
        select 'arr_to_billing' as check_key, 'invoices' as side
        union all
        select 'mrr_to_gl' as check_key, 'ledger' as side
    ) as checks
    cross join state
    cross join covered
    where months.is_complete
),

by_line as (
    select
        months.month_start,
        months.check_key,
        sums.product_line,
        {% for value, side in [('left', "'contracts'"), ('right', 'months.side')] -%}
        case
            when count(*) filter (where sums.side = {{ side }}) = count(sums.amount) filter (where sums.side = {{ side }})
                then coalesce(sum(sums.amount) filter (where sums.side = {{ side }}), 0)
        end as {{ value }}_value,
        {% endfor -%}
        string_agg(distinct sums.currency, ', ' order by sums.currency) filter (where sums.amount is null)
            as currencies_held_back,
        bool_or(months.has_lines) as has_lines
    from months
    inner join {{ ref('int_money__tie_out_sums') }} as sums
        on months.month_start = sums.month_start
            and sums.side in ('contracts', months.side)
    where months.is_configured and months.has_side
    group by months.month_start, months.check_key, sums.product_line
),

company as (
    select
        months.month_start,
        months.check_key,
        'company' as lens,
        'all' as lens_value,
        case when count(*) = count(by_line.left_value) then sum(by_line.left_value) end as left_value,
        case when count(*) = count(by_line.right_value) then sum(by_line.right_value) end as right_value,
        coalesce(months.is_configured, false) as is_configured,
        max(by_line.currencies_held_back) as currencies_held_back
    from months
    left join by_line
        on months.month_start = by_line.month_start
            and months.check_key = by_line.check_key
    group by months.month_start, months.check_key, months.is_configured
)

select month_start, check_key, lens, lens_value, left_value, right_value, is_configured, currencies_held_back
from company

union all

select month_start, check_key, 'product_line', product_line, left_value, right_value, true, currencies_held_back
from by_line
where has_lines
