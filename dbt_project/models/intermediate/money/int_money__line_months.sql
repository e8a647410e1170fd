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

-- what one line has whole needs no sharing out, and so no sums by product first
in_lines as (
    select
        product_money.*,
        coalesce(lines.product_line, 'unassigned') as product_line,
        lines.share_e8,
        lines.all_shares_e8,
        coalesce(lines.share_e8 <> lines.all_shares_e8, false) as is_shared
    from product_money
    left join {{ ref('int_money__product_lines') }} as lines
        on product_money.product_id = lines.product_id
            and product_money.state_date >= lines.valid_from
            and product_money.state_date < lines.valid_to
),

shared_products as (
    select
        month_start,
        account_id,
        product_id,
        product_line,
        currency,
        share_e8,
        all_shares_e8,
        {% for measure in money_measures() -%}
        sum({{ measure }}_e12) as {{ measure }}_e12{{ "," if not loop.last }}
        {% endfor %}
    from in_lines
    where is_shared
    group by month_start, account_id, product_id, product_line, currency, share_e8, all_shares_e8
),

parts as (
    select
        month_start, account_id, product_line, currency,
        {{ money_measures() | join('_e12, ') }}_e12
    from in_lines
    where not is_shared

    union all

    select
        month_start, account_id, product_line, currency,
        {% for measure in money_measures() -%}
        {{ share_e12(measure ~ '_e12', 'share_e8', 'all_shares_e8') }} as {{ measure }}_e12{{ "," if not loop.last }}
        {% endfor %}
    from shared_products
),

by_line as (
    select
        month_start,
        account_id,
        product_line,
        currency,
        {% for measure in money_measures() -%}
        sum({{ measure }}_e12) as {{ measure }}_e12{{ "," if not loop.last }}
        {% endfor %}
    from parts
    group by month_start, account_id, product_line, currency
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
