-- The general ledger's rows in the reporting currency, at the month's average rate. An amount without a rate is null:
-- it leaves every sum that it belongs to unknown, not smaller.
select
    ledger.month_start,
    ledger.revenue_class,
    ledger.gl_account,
    ledger.product_line,
    ledger.segment,
    ledger.currency,
    -- wide, because the engine holds the product of two narrow decimals to eighteen digits
    cast(ledger.amount as decimal(38, 4)) * case
        when ledger.currency = settings.reporting_currency then cast(1 as decimal(18, 8))
        else rates.rate
    end as amount
from {{ ref('stg_finance__gl_revenue') }} as ledger
cross join {{ ref('stg_company__settings') }} as settings
left join (
    select
        cast({{ dbt.date_trunc('month', 'rate_date') }} as date) as month_start,
        from_currency,
        to_currency,
        arg_max(rate, rate_date) as rate
    from {{ ref('stg_finance__fx_rates') }}
    where rate_type = 'average'
    group by 1, 2, 3
) as rates
    on ledger.month_start = rates.month_start
        and ledger.currency = rates.from_currency
        and settings.reporting_currency = rates.to_currency
