-- ARR at month end by account, the same money at the rates of the months that it will be compared with, and the fiscal
-- quarter in which the account paid first.
{% set windows = retention_windows() %}

with account_months as (
    select
        month_number,
        account_number,
        any_value(family_number) as family_number,
        any_value(segment_set) as segment_set,
        cast(sum(arr) as decimal(18, 2)) as arr,
        {% for n in windows -%}
        cast(sum(arr_at_rate_{{ n }}) as decimal(18, 2)) as arr_at_rate_{{ n }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_money__rated_line_months') }}
    where arr > 0
    group by month_number, account_number
),

acquisitions as (
    select
        account_number,
        min(month_number) as first_month_number
    from account_months
    group by account_number
),

quarters as (
    select
        {{ month_number('months.month_start') }} as month_number,
        {{ fiscal_quarter_start('months.month_start', 'settings.fiscal_year_starts_in') }} as quarter_start
    from {{ ref('int_calendar__money_months') }} as months
    cross join {{ ref('stg_company__settings') }} as settings
)

select
    account_months.*,
    acquisitions.first_month_number,
    quarters.quarter_start as acquisition_quarter_start
from account_months
inner join acquisitions
    on account_months.account_number = acquisitions.account_number
inner join quarters
    on acquisitions.first_month_number = quarters.month_number
