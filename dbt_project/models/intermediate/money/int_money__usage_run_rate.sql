-- Metered usage is no ARR. Its run rate is shown beside it: the usage invoiced for the last three months, times four.
with usage_lines as (
    select
        lines.account_id,
        coalesce(lines.product_id, items.product_id) as product_id,
        lines.currency,
        lines.amount,
        coalesce(lines.service_start, lines.invoice_date) as used_on
    from {{ ref('stg_finance__invoice_lines') }} as lines
    left join (
        select
            item_id,
            arg_max(product_id, (effective_from, version_no)) as product_id
        from {{ ref('int_money__item_terms') }}
        group by item_id
    ) as items
        on lines.item_id = items.item_id
    where lines.line_type = 'usage'
        and coalesce(lines.invoice_status, '') not in ('draft', 'void', 'voided', 'deleted')
)

select
    months.month_start,
    usage_lines.account_id,
    usage_lines.product_id,
    usage_lines.currency,
    4 * sum({{ to_e12('usage_lines.amount') }}) as usage_run_rate_e12
from usage_lines
inner join {{ ref('int_company__accounts') }} as accounts
    on usage_lines.account_id = accounts.account_id
inner join {{ ref('int_calendar__money_months') }} as months
    on usage_lines.used_on >= {{ dbt.dateadd('month', -2, 'months.month_start') }}
        and usage_lines.used_on <= months.state_date
inner join {{ ref('stg_finance__state') }} as state
    on state.mode = 'full'
group by months.month_start, usage_lines.account_id, usage_lines.product_id, usage_lines.currency
