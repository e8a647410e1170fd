-- Revenue, cost and growth by product line as the general ledger tells them, and of the whole company (is_total). What
-- the ledger does not book on a line is in the company's figures only.
{% set revenue_classes = ['recurring', 'usage', 'services', 'other'] %}
{% set figures = ['recurring_revenue', 'revenue', 'cogs', 'r_and_d', 's_and_m'] %}

with units as (
    select
        month_start,
        product_line,
        false as is_total,
        revenue_class,
        amount
    from {{ ref('int_money__ledger_months') }}
    where product_line is not null

    union all

    select
        month_start,
        'company' as product_line,
        true as is_total,
        revenue_class,
        amount
    from {{ ref('int_money__ledger_months') }}
),

-- nothing booked is unknown, as is a sum with an amount that has no rate
ledger as (
    select
        month_start,
        product_line,
        is_total,
        {% for figure, classes in [
            ('recurring_revenue', ['recurring']), ('revenue', revenue_classes), ('cogs', ['cogs']),
            ('r_and_d', ['r_and_d']), ('s_and_m', ['s_and_m']),
        ] -%}
        case
            when count_if(revenue_class in ('{{ classes | join("', '") }}') and amount is null) = 0
                then sum(case when revenue_class in ('{{ classes | join("', '") }}') then amount end)
        end as {{ figure }}{{ "," if not loop.last }}
        {% endfor %}
    from units
    group by month_start, product_line, is_total
),

-- closing ARR minus opening ARR at the rate of the month: exchange rates are no growth
changes as (
    select
        balances.month_number + moves.later as month_number,
        lines.product_line,
        sum(case when moves.later = 0 then balances.arr else -coalesce(balances.arr_at_rate_1, 0) end) as arr_delta
    from {{ ref('int_money__rated_line_months') }} as balances
    inner join (select distinct line_number, product_line from {{ ref('int_money__account_lines') }}) as lines
        on balances.line_number = lines.line_number
    cross join (select unnest([0, 1]) as later) as moves
    group by all
),

growth as (
    select month_number, product_line, false as is_total, arr_delta from changes
    union all
    select month_number, 'company', true, sum(arr_delta) from changes group by month_number
),

-- every month that money is stated for, so that a quarter's growth is whole where the ledger has gaps
dense as (
    select
        months.month_start,
        months.is_complete,
        keys.product_line,
        keys.is_total,
        ledger.month_start is not null as is_in_ledger,
        {% for figure in figures -%}
        ledger.{{ figure }},
        {% endfor -%}
        coalesce(growth.arr_delta, 0) as net_new_arr,
        sum(coalesce(growth.arr_delta, 0)) over last_quarter as net_new_arr_quarter,
        case when count(ledger.s_and_m) over quarter_before = 3 then sum(ledger.s_and_m) over quarter_before end
            as s_and_m_quarter_before
    from {{ ref('int_calendar__money_months') }} as months
    cross join (select distinct product_line, is_total from units) as keys
    left join ledger
        on months.month_start = ledger.month_start
            and keys.product_line = ledger.product_line
            and keys.is_total = ledger.is_total
    left join growth
        on {{ month_number('months.month_start') }} = growth.month_number
            and keys.product_line = growth.product_line
            and keys.is_total = growth.is_total
    window
        last_quarter as (
            partition by keys.product_line, keys.is_total order by months.month_start
            rows between 2 preceding and current row
        ),
        quarter_before as (
            partition by keys.product_line, keys.is_total order by months.month_start
            rows between 5 preceding and 3 preceding
        )
)

select
    month_start,
    product_line,
    is_total,
    {% for figure in figures -%}
    cast({{ figure }} as decimal(18, 2)) as {{ figure }},
    {% endfor -%}
    cast((revenue - cogs) / nullif(cast(revenue as double), 0) as double) as gross_margin,
    cast(net_new_arr as decimal(18, 2)) as net_new_arr,
    cast(net_new_arr_quarter as decimal(18, 2)) as net_new_arr_quarter,
    cast(s_and_m_quarter_before as decimal(18, 2)) as s_and_m_quarter_before,
    cast(net_new_arr_quarter as double) / nullif(cast(s_and_m_quarter_before as double), 0) as magic_number,
    is_complete
from dense
where is_in_ledger
