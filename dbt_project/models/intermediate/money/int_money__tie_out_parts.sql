-- What arr_to_billing and mrr_to_gl have named causes for, by product line, in cents: contract minus the other side.
-- is_shared: the same cause may have rows of other product lines in the month.
{% set nobody = "null as account_id, null as item_id, null as product_id, null as invoice_id, null as line_id" %}

with lines as (
    select
        *,
        count(*) over (partition by product_id, valid_from) > 1 as is_shared
    from {{ ref('int_money__product_lines') }}
),

shared as (
    select
        causes.*,
        coalesce(lines.product_line, 'unassigned') as product_line,
        coalesce(lines.is_shared, false) as is_shared,
        cast(
            {{ share_e12(
                'cast(causes.amount_e6 as hugeint)', 'coalesce(lines.share_e8, 1)', 'coalesce(lines.all_shares_e8, 1)'
            ) }} as bigint
        ) as shared_e6
    from {{ ref('int_money__billing_causes') }} as causes
    left join lines
        on causes.product_id = lines.product_id
            and {{ dbt.last_day('causes.month_start', 'month') }} >= lines.valid_from
            and {{ dbt.last_day('causes.month_start', 'month') }} < lines.valid_to
),

gaps as (
    select
        causes.month_start,
        'arr_to_billing' as check_key,
        causes.product_line,
        causes.account_id, causes.item_id, causes.product_id, causes.invoice_id, causes.line_id,
        null as gl_account,
        causes.cause,
        -- half up, in whole numbers: a decimal would be divided in 128 bits
        cast(
            sign(causes.shared_e6) * ((abs(causes.shared_e6) + 5000) // 10000) * cast('0.01' as decimal(3, 2))
            as decimal(18, 2)
        ) as amount,
        causes.is_shared,
        {{ billing_note() }} as note
    from shared as causes
),

exchange as (
    select
        month_start, 'mrr_to_gl' as check_key, product_line, {{ nobody }}, null as gl_account, 'fx' as cause,
        cast(sum(fx_amount) as decimal(18, 2)) as amount,
        true as is_shared,
        'Contracts in foreign currency at the month-end rate that ARR is valued at, instead of the average rate of the ledger: '
        || string_agg(currency || ' ' || fx_amount, ', ' order by currency) || '.' as note
    from {{ ref('int_money__tie_out_sums') }}
    where side = 'contracts' and fx_amount <> 0
    group by month_start, product_line
),

-- contracts have a product line: where the ledger has them too, a posting without one was made by hand
journals as (
    select
        ledger.month_start, 'mrr_to_gl' as check_key, 'unassigned' as product_line, {{ nobody }}, ledger.gl_account,
        'manual_journal' as cause,
        cast(-round(sum(ledger.amount), 2) as decimal(18, 2)) as amount,
        false as is_shared,
        'Posted to account ' || ledger.gl_account || ' without a product line (' || count(*)
        || case when count(*) = 1 then ' row' else ' rows' end || '): no contract stands behind it.' as note
    from {{ ref('int_money__ledger') }} as ledger
    where ledger.product_line is null
        and exists (
            select 1 from {{ ref('int_money__tie_out_sums') }} as sums
            where sums.side = 'ledger' and sums.product_line <> 'unassigned'
        )
        and not exists (
            select 1 from {{ ref('int_money__tie_out_sums') }} as sums
            where sums.side = 'contracts' and sums.product_line = 'unassigned' and sums.month_start = ledger.month_start
        )
    group by ledger.month_start, ledger.gl_account
)

select * from gaps
union all
select * from exchange
union all
select * from journals
