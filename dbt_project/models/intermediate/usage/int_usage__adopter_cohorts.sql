-- What became of the ARR of accounts that did, and did not, use a scope they were entitled to: for every window summed
-- over accounts in the same segments at its start, but for families, whose members are capped together later.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'month_start', 'rebuild_layer': 'adoption', 'rebuild_truncate': 'month'}
) }}
{% set windows = retention_windows() %}

-- all windows of an account are summed in one pass: there is a row for every account, month and scope
with summed as (
    select
        accounts.month_number, accounts.segment_set, accounts.family_number,
        adopters.scope_no, adopters.adopter,
        {% for n in windows -%}
        count(accounts.start_{{ n }}) as cohort_{{ n }},
        count_if(accounts.end_{{ n }} > 0) as retained_{{ n }},
        sum(accounts.start_{{ n }}) as start_{{ n }},
        sum(accounts.end_{{ n }}) as end_{{ n }},
        sum(least(accounts.start_{{ n }}, accounts.end_{{ n }})) as capped_{{ n }},
        sum(accounts.cross_{{ n }}) as cross_{{ n }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_usage__adopter_month') }} as adopters
    inner join {{ ref('int_money__account_windows') }} as accounts
        on adopters.month_start = accounts.month_start
            and adopters.account_id = accounts.account_id
    {% if is_incremental() -%}
    where adopters.month_start
        >= {{ dbt.dateadd('month', -(windows | max), rebuild_start('adoption', truncate='month')) }}
    {%- endif %}
    group by
        accounts.month_number, accounts.segment_set, accounts.family_number,
        adopters.scope_no, adopters.adopter
),

by_window as (
    {% for n in windows -%}
    select
        {{ n }} as window_months,
        month_number + {{ n }} as month_number,
        segment_set, family_number, scope_no, adopter,
        cohort_{{ n }} as cohort_accounts,
        retained_{{ n }} as retained_accounts,
        start_{{ n }} as start_arr,
        end_{{ n }} as end_arr,
        capped_{{ n }} as capped_arr,
        cross_{{ n }} as cross_sell_arr
    from summed
    where cohort_{{ n }} > 0
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    months.month_start,
    by_window.window_months,
    by_window.segment_set,
    by_window.family_number,
    by_window.scope_no,
    by_window.adopter,
    by_window.cohort_accounts,
    by_window.retained_accounts,
    by_window.start_arr,
    by_window.end_arr,
    by_window.capped_arr,
    by_window.cross_sell_arr
from by_window
inner join {{ ref('int_calendar__money_months') }} as months
    on by_window.month_number = {{ month_number('months.month_start') }}
where {{ rebuild_predicate('months.month_start', 'adoption', truncate='month') }}
order by months.month_start
