-- Money held back because finance gave no exchange rate for its month.
{{ config(alias='fx_missing') }}

select
    line_months.month_start,
    line_months.currency,
    rates.rate_needed_on,
    count(distinct line_months.account_id) as accounts,
    {{ e12_to_money('sum(line_months.arr_e12)') }} as arr_local
from {{ ref('int_money__line_months') }} as line_months
inner join {{ ref('int_money__fx_months') }} as rates
    on line_months.month_start = rates.month_start
        and line_months.currency = rates.currency
where rates.fx_rate is null
group by line_months.month_start, line_months.currency, rates.rate_needed_on
