-- Unrounded local money by month, account, product line and currency: from contract items shared out to product lines,
-- or, in minimum mode, from the ARR that finance states itself.
with product_money as (
    select
        month_start,
        state_date,
        account_id,
        product_id,
        currency,
        net_annual_e12 as arr_e12,
        gross_annual_e12 as gross_arr_e12,
        case when is_past_due then net_annual_e12 else 0 end as arr_past_due_e12,
        case when is_at_notice then net_annual_e12 else 0 end as arr_at_notice_e12,
        net_annual_e12 as carr_e12,
        0 as usage_run_rate_e12
    from {{ ref('int_money__item_months') }}

    union all

    select
        changes.month_start, months.state_date, changes.account_id, changes.product_id, changes.currency,
        0, 0, 0, 0, changes.carr_change_e12, 0
    from {{ ref('int_money__contracted_changes') }} as changes
    inner join {{ ref('int_calendar__money_months') }} as months
        on changes.month_start = months.month_start

    union all

    select
        usage.month_start, months.state_date, usage.account_id, usage.product_id, usage.currency,
        0, 0, 0, 0, 0, usage.usage_run_rate_e12
    from {{ ref('int_money__usage_run_rate') }} as usage
    inner join {{ ref('int_calendar__money_months') }} as months
        on usage.month_start = months.month_start
),

by_product as (
    select
        month_start,
        state_date,
        account_id,
        product_id,
        currency,
        {% for measure in money_measures() -%}
        sum({{ measure }}_e12) as {{ measure }}_e12{{ "," if not loop.last }}
        {% endfor %}
    from product_money
    group by month_start, state_date, account_id, product_id, currency
),

by_line as (
    select
        by_product.month_start,
        by_product.account_id,
        coalesce(lines.product_line, 'unassigned') as product_line,
        by_product.currency,
        {% for measure in money_measures() -%}
        sum({{ share_e12('by_product.' ~ measure ~ '_e12', 'lines.share', 'lines.all_shares') }}) as {{ measure }}_e12
        {{- "," if not loop.last }}
        {% endfor %}
    from by_product
    left join {{ ref('int_money__product_lines') }} as lines
        on by_product.product_id = lines.product_id
            and by_product.state_date >= lines.valid_from
            and by_product.state_date < lines.valid_to
    group by by_product.month_start, by_product.account_id, lines.product_line, by_product.currency
),

stated as (
    select
        arr_month.month_start,
        arr_month.account_id,
        arr_month.product_line,
        arr_month.currency,
        sum({{ to_e12('arr_month.arr_local') }}) as arr_e12
    from {{ ref('stg_finance__arr_month') }} as arr_month
    inner join {{ ref('int_company__accounts') }} as accounts
        on arr_month.account_id = accounts.account_id
    inner join {{ ref('int_calendar__money_months') }} as months
        on arr_month.month_start = months.month_start
    inner join {{ ref('stg_finance__state') }} as state
        on state.mode = 'minimum'
    group by arr_month.month_start, arr_month.account_id, arr_month.product_line, arr_month.currency
)

select
    month_start, account_id, product_line, currency,
    {{ money_measures() | join('_e12, ') }}_e12
from by_line

union all

-- without contracts there are no discounts, notices or signatures to tell gross and contracted ARR from ARR
select
    month_start, account_id, product_line, currency,
    arr_e12, arr_e12 as gross_arr_e12, 0 as arr_past_due_e12, 0 as arr_at_notice_e12, arr_e12 as carr_e12,
    0 as usage_run_rate_e12
from stated
