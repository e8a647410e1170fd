-- Adoption by month as the board reads it: of product lines and feature sets as the mart tells it, and over all of them: an
-- account entitled to anything counts once, as using it when it uses anything it is entitled to. ARR is of a product
-- line, so over all lines it adds up.
with accounts as (
    select
        month_start,
        account_id,
        bool_or(entitled and days_28d > 0) as is_current,
        bool_or(entitled and established_on is not null) as is_established,
        sum(case when entitled then arr end) as entitled_arr,
        sum(case when entitled and days_28d > 0 then arr when entitled and arr is not null then 0 end) as adopted_arr
    from {{ ref('int_usage__adoption_month') }}
    where scope = 'product_line'
    group by month_start, account_id
    having bool_or(entitled)
)

select
    accounts.month_start,
    segments.dimension,
    segments.segment,
    'all' as scope,
    'all' as scope_key,
    count(*) as entitled_accounts,
    count_if(accounts.is_current) as current_accounts,
    count_if(accounts.is_established) as adopted_established,
    sum(accounts.entitled_arr) as entitled_arr,
    sum(accounts.adopted_arr) as adopted_arr,
    months.is_complete
from accounts
inner join {{ ref('int_usage__adoption_months') }} as months
    on accounts.month_start = months.month_start
inner join {{ ref('int_company__account_segments') }} as segments
    on accounts.account_id = segments.account_id
        and months.state_date >= segments.valid_from
        and months.state_date < segments.valid_to
group by accounts.month_start, segments.dimension, segments.segment, months.is_complete

union all

select
    month_start, dimension, segment, scope, scope_key,
    entitled_accounts, current_accounts, adopted_established, entitled_arr, adopted_arr, is_complete
from {{ ref('adoption') }}
where scope in ('product_line', 'feature_set')
    and entitled_accounts > 0
