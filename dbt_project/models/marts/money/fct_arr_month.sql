-- ARR at month end by account, product line and currency, in local and in reporting currency. Here, and nowhere
-- before, money is rounded: half up, to cents. A month's money without exchange rate is held back (audit.fx_missing).
with converted as (
    select
        line_months.month_start,
        line_months.account_id,
        line_months.product_line,
        line_months.currency,
        {{ e12_to_money('line_months.arr_e12') }} as arr_local,
        {{ e12_to_money('line_months.gross_arr_e12') }} as gross_arr_local,
        {% for measure in money_measures() -%}
        {{ e12_to_money('line_months.' ~ measure ~ '_e12', 'rates.fx_rate') }} as {{ measure }},
        {% endfor -%}
        {{ e12_to_money('line_months.arr_e12', 'rates.plan_rate') }} as arr_constant,
        rates.fx_rate
    from {{ ref('int_money__line_months') }} as line_months
    inner join {{ ref('int_money__fx_months') }} as rates
        on line_months.month_start = rates.month_start
            and line_months.currency = rates.currency
    where rates.fx_rate is not null
)

select
    month_start,
    account_id,
    product_line,
    currency,
    arr_local,
    gross_arr_local,
    arr,
    gross_arr,
    arr_constant,
    arr_past_due,
    arr_at_notice,
    carr,
    usage_run_rate,
    fx_rate
from converted
where arr_local <> 0
    or gross_arr_local <> 0
    {% for measure in money_measures() -%}
    or {{ measure }} <> 0
    {% endfor %}
