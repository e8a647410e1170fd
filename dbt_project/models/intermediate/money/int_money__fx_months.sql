-- The exchange rate of each currency for each month: the month_end rate of the month's last day; while the month is
-- not over, the latest on or before the as-of date. Null when finance gave none. The plan rate is one for all months,
-- the latest that finance set, so that constant-currency ARR can be compared across years.
with settings as (
    select reporting_currency
    from {{ ref('stg_company__settings') }}
),

currencies as (
    select distinct currency
    from {{ ref('int_money__line_months') }}
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
    inner join {{ ref('stg_finance__state') }} as state
        on rates.rate_date <= state.as_of
),

plan_rates as (
    select
        currency,
        arg_max(rate, rate_date) as plan_rate
    from rates
    where rate_type = 'plan'
    group by currency
),

month_rates as (
    select
        months.month_start,
        rates.currency,
        arg_max(rates.rate, rates.rate_date) as fx_rate
    from {{ ref('int_calendar__money_months') }} as months
    inner join rates
        on rates.rate_type = 'month_end'
            and (
                rates.rate_date = months.month_end
                or (not months.is_complete and rates.rate_date <= months.state_date)
            )
    group by months.month_start, rates.currency
)

select
    months.month_start,
    currencies.currency,
    months.state_date as rate_needed_on,
    case
        when currencies.currency = settings.reporting_currency then cast(1 as decimal(18, 8))
        else month_rates.fx_rate
    end as fx_rate,
    case
        when currencies.currency = settings.reporting_currency then cast(1 as decimal(18, 8))
        else plan_rates.plan_rate
    end as plan_rate
from {{ ref('int_calendar__money_months') }} as months
cross join currencies
cross join settings
left join month_rates
    on months.month_start = month_rates.month_start
        and currencies.currency = month_rates.currency
left join plan_rates
    on currencies.currency = plan_rates.currency
