-- Contract revenue, invoices and ledger by month and product line in the reporting currency. A side with money that lacks
-- a rate is null, and currencies_held_back names what it lacks. In minimum mode the contract side is the stated ARR / 12.
with months as (
    select
        month_start,
        month_end
    from {{ ref('int_calendar__money_months') }}
    where is_complete
),

by_product as (
    select month_start, 'contracts' as side, product_id, currency, sum(earned_e12) as amount_e12
    from {{ ref('int_money__earned_months') }}
    group by month_start, product_id, currency

    union all

    select month_start, 'invoices' as side, product_id, currency, sum(billed_e12) as amount_e12
    from {{ ref('int_money__billed_months') }}
    group by month_start, product_id, currency
),

by_line as (
    select
        by_product.month_start,
        by_product.side,
        coalesce(lines.product_line, 'unassigned') as product_line,
        by_product.currency,
        sum({{ share_e12('by_product.amount_e12', 'coalesce(lines.share_e8, 1)', 'coalesce(lines.all_shares_e8, 1)') }}) as amount_e12
    from by_product
    inner join months
        on by_product.month_start = months.month_start
    left join {{ ref('int_money__product_lines') }} as lines
        on by_product.product_id = lines.product_id
            and months.month_end >= lines.valid_from
            and months.month_end < lines.valid_to
    group by by_product.month_start, by_product.side, lines.product_line, by_product.currency

    union all

    select
        line_months.month_start,
        'contracts' as side,
        line_months.product_line,
        line_months.currency,
        {{ divide_half_up('sum(line_months.arr_e12)', '12') }} as amount_e12
    from {{ ref('int_money__line_months') }} as line_months
    inner join months
        on line_months.month_start = months.month_start
    inner join {{ ref('stg_finance__state') }} as state
        on state.mode = 'minimum'
    group by line_months.month_start, line_months.product_line, line_months.currency
),

valued as (
    select
        by_line.month_start,
        by_line.side,
        by_line.product_line,
        by_line.currency,
        {{ e12_to_money('by_line.amount_e12', 'rates.month_end_rate') }} as amount,
        {{ e12_to_money('by_line.amount_e12', 'rates.month_end_rate') }}
        - {{ e12_to_money('by_line.amount_e12', 'coalesce(rates.average_rate, rates.month_end_rate)') }} as fx_amount
    from by_line
    left join {{ ref('int_money__tie_out_rates') }} as rates
        on by_line.month_start = rates.month_start
            and by_line.currency = rates.currency

    union all

    select
        ledger.month_start,
        'ledger' as side,
        coalesce(ledger.product_line, 'unassigned') as product_line,
        ledger.currency,
        case when count(*) = count(ledger.amount) then cast(round(sum(ledger.amount), 2) as decimal(18, 2)) end as amount,
        0 as fx_amount
    from {{ ref('int_money__ledger') }} as ledger
    inner join months
        on ledger.month_start = months.month_start
    inner join {{ ref('stg_finance__state') }} as state
        on state.mode <> 'none'
    group by ledger.month_start, ledger.product_line, ledger.currency
)

select month_start, side, product_line, currency, amount, fx_amount
from valued
