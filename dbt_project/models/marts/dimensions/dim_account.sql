-- Customer accounts: family, origin and whether they pay. Internal test accounts are in no mart.
with account_months as (
    select
        account_id,
        month_start,
        sum(arr) as arr
    from {{ ref('fct_arr_month') }}
    group by account_id, month_start
),

latest as (
    select max(month_start) as month_start
    from {{ ref('int_calendar__money_months') }}
),

paying as (
    select
        account_months.account_id,
        min(account_months.month_start) as first_arr_month_start,
        bool_or(account_months.month_start = latest.month_start) as is_paying
    from account_months
    cross join latest
    where account_months.arr > 0
    group by account_months.account_id
)

select
    accounts.account_id,
    accounts.account_name,
    accounts.parent_account_id,
    accounts.root_account_id,
    accounts.billing_country,
    accounts.created_date,
    paying.first_arr_month_start,
    coalesce(paying.is_paying, false) as is_paying
from {{ ref('int_company__accounts') }} as accounts
left join paying
    on accounts.account_id = paying.account_id
