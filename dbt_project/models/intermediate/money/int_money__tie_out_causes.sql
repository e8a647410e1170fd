-- Why arr_to_billing and mrr_to_gl differ, cause by cause: contract minus the other side, in cents, adding up to every
-- figure's difference. What no cause was found for is named for what it is, so that nothing is left over.
{{ config(materialized='view') }}

{% set explained = "('part_month', 'billed_ahead', 'discount', 'credit', 'refund', 'fx', 'day_count', 'rounding')" %}
{% set nobody = "null as account_id, null as item_id, null as product_id, null as invoice_id, null as line_id" %}
{% set key = "account_id, item_id, product_id, invoice_id, line_id, gl_account, cause" %}

with figures as (
    select
        *,
        left_value - right_value as difference
    from {{ ref('int_money__tie_out_figures') }}
    where is_configured
),

-- a bundle is one line of the company's list, and several of its product lines'
by_figure as (
    select month_start, check_key, 'product_line' as lens, product_line as lens_value, {{ key }}, amount, note
    from {{ ref('int_money__tie_out_parts') }}

    union all

    select month_start, check_key, 'company' as lens, 'all' as lens_value, {{ key }}, amount, note
    from {{ ref('int_money__tie_out_parts') }}
    where not is_shared

    union all

    select month_start, check_key, 'company' as lens, 'all' as lens_value, {{ key }}, sum(amount) as amount,
        max(note) as note
    from {{ ref('int_money__tie_out_parts') }}
    where is_shared
    group by month_start, check_key, {{ key }}
),

named as (
    select by_figure.*
    from by_figure
    inner join figures
        on by_figure.month_start = figures.month_start
            and by_figure.check_key = figures.check_key
            and by_figure.lens = figures.lens
            and by_figure.lens_value = figures.lens_value
    where figures.difference is not null and by_figure.amount <> 0
),

named_sums as (
    select month_start, check_key, 'product_line' as lens, product_line as lens_value, sum(amount) as amount
    from {{ ref('int_money__tie_out_parts') }}
    group by month_start, check_key, product_line

    union all

    select month_start, check_key, 'company' as lens, 'all' as lens_value, sum(amount) as amount
    from {{ ref('int_money__tie_out_parts') }}
    group by month_start, check_key
),

ledger_rows as (
    select month_start, coalesce(product_line, 'unassigned') as product_line, count(*) as ledger_rows
    from {{ ref('int_money__ledger') }}
    group by month_start, product_line
),

rests as (
    select
        figures.month_start,
        figures.check_key,
        figures.lens,
        figures.lens_value,
        figures.difference - coalesce(named.amount, 0) as amount,
        0.01 * (2 + coalesce(ledger_rows.ledger_rows, 0)) as cents
    from figures
    left join named_sums as named
        on figures.month_start = named.month_start
            and figures.check_key = named.check_key
            and figures.lens = named.lens
            and figures.lens_value = named.lens_value
    left join (
        select month_start, 'product_line' as lens, product_line as lens_value, ledger_rows from ledger_rows
        union all
        select month_start, 'company', 'all', sum(ledger_rows) from ledger_rows group by month_start
    ) as ledger_rows
        on figures.month_start = ledger_rows.month_start
            and figures.lens = ledger_rows.lens
            and figures.lens_value = ledger_rows.lens_value
    where figures.difference is not null
),

rests_named as (
    select
        month_start, check_key, lens, lens_value, {{ nobody }}, null as gl_account,
        case
            when check_key = 'arr_to_billing' then 'day_count'
            when abs(amount) <= cents then 'rounding'
            when amount > 0 then 'ledger_below_contracts'
            else 'ledger_above_contracts'
        end as cause,
        amount,
        case
            when check_key = 'arr_to_billing'
                then 'Invoices are spread over their service by days, MRR by months; the cents of rounding are here too.'
            when abs(amount) <= cents then 'Cents: every ledger row is rounded on its own.'
            else 'The ledger differs from the contracts by this, and names nobody: compare its postings with the accounts of the product line.'
        end as note
    from rests
    where amount <> 0
),

held_back as (
    select
        month_start, check_key, lens, lens_value, {{ nobody }}, null as gl_account, 'no_rate' as cause,
        cast(null as decimal(18, 2)) as amount,
        'Held back: fx_rates has no rate of the month for ' || currencies_held_back || '.' as note
    from figures
    where difference is null and currencies_held_back is not null
),

everything as (
    select * from named
    union all
    select * from rests_named
    union all
    select * from held_back
)

select
    month_start, check_key, lens, lens_value, {{ key }},
    cast(amount as decimal(18, 2)) as amount,
    cause in {{ explained }} as is_explained,
    note
from everything
