-- Every metric of usage of every cell by month, one row each, as int_board__metric_months has those of money.
{% set users = {
    'active_users': ['active'],
    'stickiness': ['daily_active_sum', 'rolling_28d_sum'],
} %}
{% set accounts = {'active_accounts': ['active']} %}
{% set adoption = {
    'adoption_rate': ['current_accounts', 'entitled_accounts', 'entitled_accounts'],
    'established_rate': ['adopted_established', 'entitled_accounts', 'entitled_accounts'],
    'arr_adoption_rate': ['adopted_arr', 'entitled_arr', 'entitled_accounts'],
} %}

with active_periods as (
    select distinct month_start, is_complete
    from {{ ref('int_board__active_months') }}
),

adoption_periods as (
    select month_start, is_complete
    from {{ ref('int_usage__adoption_months') }}
),

active as (
    {{ metrics_in_rows(ref('int_board__active_months'), users, 'scope', 'scope_key', "unit = 'user'") }}
    union all
    {{ metrics_in_rows(ref('int_board__active_months'), accounts, 'scope', 'scope_key', "unit = 'account'") }}
),

adopted as (
    {{ metrics_in_rows(ref('int_board__adoption_months'), adoption, 'scope', 'scope_key', 'true') }}
)

select active.*, active_periods.is_complete
from active
inner join active_periods
    on active.month_start = active_periods.month_start

union all

select adopted.*, adoption_periods.is_complete
from adopted
inner join adoption_periods
    on adopted.month_start = adoption_periods.month_start
