-- Rates into the reporting currency for every complete month: the month-end rate that ARR is valued at, the average rate
-- that revenue is booked at, and the lowest and highest of the twelve months before, between which a bill was priced.
with settings as (
    select reporting_currency
    from {{ ref('stg_company__settings') }}
),

months as (
    select
        month_start,
        month_end
    from {{ ref('int_calendar__money_months') }}
    where is_complete
),

rates as (
    select
        rates.from_currency as currency,
        rates.rate_date,
        rates.rate,
        rates.rate_type
    from {{ ref('stg_finance__fx_rates') }} as rates
    inner join settings
        on rates.to_currency = settings.reporting_currency
    where rates.from_currency <> settings.reporting_currency
),

given as (
    select
        months.month_start,
        rates.currency,
        arg_max(rates.rate, rates.rate_date) filter (
            where rates.rate_type = 'month_end' and rates.rate_date = months.month_end
        ) as month_end_rate,
        arg_max(rates.rate, rates.rate_date) filter (
            where rates.rate_type = 'average' and rates.rate_date >= months.month_start
        ) as average_rate,
        min(rates.rate) as lowest_rate,
        max(rates.rate) as highest_rate
    from months
    inner join rates
        on rates.rate_date > {{ dbt.dateadd('month', -13, 'months.month_end') }}
            and rates.rate_date <= months.month_end
    group by months.month_start, rates.currency
)

select
    months.month_start,
    settings.reporting_currency as currency,
    cast(1 as decimal(18, 8)) as month_end_rate,
    cast(1 as decimal(18, 8)) as average_rate,
    cast(1 as decimal(18, 8)) as lowest_rate,
    cast(1 as decimal(18, 8)) as highest_rate
from months
cross join settings

union all

select month_start, currency, month_end_rate, average_rate, lowest_rate, highest_rate
from given
