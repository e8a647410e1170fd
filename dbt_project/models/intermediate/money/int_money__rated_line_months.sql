-- ARR at month end by account × product line; the same money at the rates of the months that it will be compared with;
-- and the segments of that day. As in fct_arr_month, money is rounded by currency and then summed.
{% set windows = retention_windows() %}

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

valued as (
    select
        rates.*,
        line_months.account_id,
        line_months.product_line,
        line_months.arr_e12,
        {{ e12_to_money('line_months.arr_e12', 'rates.fx_rate') }} as arr
    from {{ ref('int_money__line_months') }} as line_months
    inner join rates
        on line_months.month_start = rates.month_start
            and line_months.currency = rates.currency
    where line_months.arr_e12 <> 0
),

-- an unchanged rate, as of the reporting currency itself, needs no second rounding
by_line as (
    select
        month_number,
        state_date,
        account_id,
        product_line,
        cast(sum(arr) as decimal(18, 2)) as arr,
        {% for n in windows -%}
        cast(
            sum(case when fx_rate_{{ n }} = fx_rate then arr else {{ e12_to_money('arr_e12', 'fx_rate_' ~ n) }} end)
            as decimal(18, 2)
        ) as arr_at_rate_{{ n }}{{ "," if not loop.last }}
        {% endfor %}
    from valued
    group by month_number, state_date, account_id, product_line
)

select
    by_line.month_number,
    lines.account_number,
    lines.line_number,
    lines.family_number,
    sets.segment_set,
    by_line.arr,
    {% for n in windows -%}
    by_line.arr_at_rate_{{ n }}{{ "," if not loop.last }}
    {% endfor %}
from by_line
inner join {{ ref('int_money__account_lines') }} as lines
    on by_line.account_id = lines.account_id
        and by_line.product_line = lines.product_line
inner join {{ ref('int_company__segment_sets') }} as sets
    on by_line.account_id = sets.account_id
        and by_line.state_date >= sets.valid_from
        and by_line.state_date < sets.valid_to
where by_line.arr > 0
