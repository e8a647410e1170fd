-- What became of the accounts that paid first in the same month: both ends at the rate of the later month, growth and
-- shrinkage of one family within the cohort offset before GRR caps them. Only months that are over.
with cohorts as (
    select
        account_number,
        family_number,
        month_number as cohort_number
    from {{ ref('int_money__rated_account_months') }}
    where month_number = first_month_number
),

openings as (
    select
        cohorts.cohort_number,
        cohorts.account_number,
        cohorts.family_number,
        line_months.currency,
        line_months.arr_e12
    from {{ ref('int_money__line_months') }} as line_months
    inner join {{ ref('int_money__account_lines') }} as lines
        on line_months.account_id = lines.account_id
            and line_months.product_line = lines.product_line
    inner join cohorts
        on lines.account_number = cohorts.account_number
            and {{ month_number('line_months.month_start') }} = cohorts.cohort_number
    where line_months.arr_e12 <> 0
),

rates as (
    select
        months.month_start,
        {{ month_number('months.month_start') }} as month_number,
        fx.currency,
        fx.fx_rate
    from {{ ref('int_calendar__money_months') }} as months
    inner join {{ ref('int_money__fx_months') }} as fx
        on months.month_start = fx.month_start
    where months.is_complete and fx.fx_rate is not null
),

restated as (
    select
        openings.cohort_number,
        rates.month_start,
        rates.month_number,
        openings.account_number,
        openings.family_number,
        sum({{ e12_to_money('openings.arr_e12', 'rates.fx_rate') }}) as cohort_arr
    from openings
    inner join rates
        on openings.currency = rates.currency
            and openings.cohort_number <= rates.month_number
    group by
        openings.cohort_number, rates.month_start, rates.month_number, openings.account_number, openings.family_number
),

families as (
    select
        restated.cohort_number,
        restated.month_start,
        restated.month_number,
        count(*) as cohort_accounts,
        count(closing.account_number) as accounts,
        sum(restated.cohort_arr) as cohort_arr,
        sum(coalesce(closing.arr, 0)) as arr,
        case
            when restated.family_number is null then sum(least(restated.cohort_arr, coalesce(closing.arr, 0)))
            else least(sum(restated.cohort_arr), sum(coalesce(closing.arr, 0)))
        end as capped_arr
    from restated
    left join {{ ref('int_money__rated_account_months') }} as closing
        on restated.account_number = closing.account_number
            and restated.month_number = closing.month_number
    group by restated.cohort_number, restated.month_start, restated.month_number, restated.family_number
),

cells as (
    select
        cohort_number,
        month_start,
        month_number,
        cast(sum(cohort_accounts) as bigint) as cohort_accounts,
        cast(sum(accounts) as bigint) as accounts,
        cast(sum(cohort_arr) as decimal(18, 2)) as cohort_arr,
        cast(sum(arr) as decimal(18, 2)) as arr,
        cast(sum(capped_arr) as decimal(18, 2)) as capped_arr
    from families
    group by cohort_number, month_start, month_number
)

select
    cohort_months.month_start as cohort_month_start,
    cells.month_number - cells.cohort_number as months_since,
    cells.month_start,
    cells.cohort_accounts,
    cells.accounts,
    cells.cohort_arr,
    cells.arr,
    cells.capped_arr,
    cast(cells.arr as double) / nullif(cast(cells.cohort_arr as double), 0) as nrr,
    cast(cells.capped_arr as double) / nullif(cast(cells.cohort_arr as double), 0) as grr,
    cast(cells.accounts as double) / nullif(cells.cohort_accounts, 0) as logo_retention,
    cells.cohort_accounts < 10 as is_small
from cells
inner join {{ ref('int_calendar__money_months') }} as cohort_months
    on cells.cohort_number = {{ month_number('cohort_months.month_start') }}
