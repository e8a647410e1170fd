-- ARR at month end by account × product line; the same money at the rates of the months that it will be compared with;
-- and the segments of that day. As in fct_arr_month, money is rounded by currency and then summed.
{% set windows = retention_windows() %}
{% set now = e12_to_money('line_months.arr_e12', 'rates.fx_rate') %}

with rates as (
    select
        fx.month_start,
        months.state_date,
        {{ month_number('fx.month_start') }} as month_number,
        fx.currency,
        fx.fx_rate,
        {% for n in windows -%}
        later_{{ n }}.fx_rate as fx_rate_{{ n }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_money__fx_months') }} as fx
    inner join {{ ref('int_calendar__money_months') }} as months
        on fx.month_start = months.month_start
    {% for n in windows -%}
    left join {{ ref('int_money__fx_months') }} as later_{{ n }}
        on fx.currency = later_{{ n }}.currency
            and later_{{ n }}.month_start = {{ dbt.dateadd('month', n, 'fx.month_start') }}
    {% endfor -%}
    where fx.fx_rate is not null
),

-- few accounts pay for one line in several currencies: only theirs are summed up. An
-- unchanged rate, as of the reporting currency itself, needs no second rounding.
by_line as (
    {% for is_summed in [false, true] -%}
    {%- set add_up = 'sum' if is_summed else '' %}
    select
        rates.month_number,
        rates.state_date,
        lines.account_number,
        lines.line_number,
        lines.family_number,
        lines.line_family_number,
        cast({{ add_up }}({{ now }}) as decimal(18, 2)) as arr,
        {% for n in windows -%}
        {%- set later = e12_to_money('line_months.arr_e12', 'rates.fx_rate_' ~ n) -%}
        cast(
            {{ add_up }}(case when rates.fx_rate_{{ n }} = rates.fx_rate then {{ now }} else {{ later }} end)
            as decimal(18, 2)
        ) as arr_at_rate_{{ n }},
        {% endfor -%}
        -- without a rate the money is held back and there is nothing to tell apart
        cast(
            {{ add_up }}(
                case
                    when rates.fx_rate_1 <> rates.fx_rate
                        then {{ e12_to_money('line_months.arr_e12', 'rates.fx_rate_1') }} - {{ now }}
                    else 0
                end
            ) as decimal(18, 2)
        ) as fx_arr
    from {{ ref('int_money__line_months') }} as line_months
    inner join rates
        on line_months.month_start = rates.month_start
            and line_months.currency = rates.currency
    inner join {{ ref('int_money__account_lines') }} as lines
        on line_months.account_id = lines.account_id
            and line_months.product_line = lines.product_line
    where line_months.arr_e12 <> 0
        and {{ '' if is_summed else 'not ' }}lines.has_currencies
    {{ 'group by all' if is_summed else 'union all' }}
    {% endfor %}
),

sets as (
    select
        accounts.account_number,
        sets.segment_set,
        sets.valid_from,
        sets.valid_to
    from {{ ref('int_company__segment_sets') }} as sets
    inner join (select distinct account_id, account_number from {{ ref('int_money__account_lines') }}) as accounts
        on sets.account_id = accounts.account_id
)

select
    by_line.month_number,
    by_line.account_number,
    by_line.line_number,
    by_line.family_number,
    by_line.line_family_number,
    sets.segment_set,
    by_line.arr,
    {% for n in windows -%}
    by_line.arr_at_rate_{{ n }},
    {% endfor -%}
    by_line.fx_arr
from by_line
inner join sets
    on by_line.account_number = sets.account_number
        and by_line.state_date >= sets.valid_from
        and by_line.state_date < sets.valid_to
