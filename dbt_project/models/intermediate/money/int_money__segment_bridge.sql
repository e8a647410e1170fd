-- The ARR bridge between two month ends, summed over the accounts that were in one set of segments at month start and in
-- one at month end: a few rows a month, so that posting them to the segments of every dimension costs nothing.
{% set movements = ['new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx'] %}

with postings as (
    select
        month_start, account_id, opening_arr, closing_arr,
        cast(null as varchar) as movement, cast(null as varchar) as reason, 0 as arr_delta, false as is_flash_logo
    from {{ ref('int_money__account_balances') }}

    union all

    select month_start, account_id, 0, 0, movement, reason, arr_delta, false
    from {{ ref('fct_arr_movement') }}
    where grain = 'account'

    union all

    select month_start, account_id, 0, 0, null, null, 0, true
    from {{ ref('int_money__flash_logos') }}
)

select
    postings.month_start,
    opening.segment_set as opening_segment_set,
    closing.segment_set as closing_segment_set,
    sum(postings.opening_arr) as opening_arr,
    {% for movement in movements -%}
    sum(case when postings.movement = '{{ movement }}' then postings.arr_delta else 0 end) as {{ movement }}_arr,
    {% endfor -%}
    sum(postings.closing_arr) as closing_arr,
    count(*) filter (where postings.opening_arr > 0) as opening_accounts,
    count(*) filter (where postings.movement = 'new') as new_accounts,
    count(*) filter (where postings.movement = 'reactivation') as reactivated_accounts,
    count(*) filter (where postings.movement = 'churn') as churned_accounts,
    count(*) filter (where postings.movement = 'churn' and postings.reason = 'voluntary') as voluntary_churned_accounts,
    count(*) filter (where postings.opening_arr > 0 and postings.closing_arr > 0) as staying_accounts,
    count(*) filter (where postings.closing_arr > 0) as closing_accounts,
    count(*) filter (where postings.is_flash_logo) as flash_logos
from postings
inner join {{ ref('int_calendar__money_months') }} as months
    on postings.month_start = months.month_start
inner join {{ ref('int_company__segment_sets') }} as opening
    on postings.account_id = opening.account_id
        and months.previous_state_date >= opening.valid_from
        and months.previous_state_date < opening.valid_to
inner join {{ ref('int_company__segment_sets') }} as closing
    on postings.account_id = closing.account_id
        and months.state_date >= closing.valid_from
        and months.state_date < closing.valid_to
group by postings.month_start, opening.segment_set, closing.segment_set
