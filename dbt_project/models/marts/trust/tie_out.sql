-- Do the numbers agree: with themselves (roll_forward, grains_agree), with what finance reported (control_total), with
-- what was invoiced (arr_to_billing) and with the ledger (mrr_to_gl).
with has_money as (
    select month_start from {{ ref('fct_arr_month') }}
    union
    select month_start from {{ ref('fct_arr_movement') }}
),

checked as (
    select
        month_start, 'roll_forward' as check_key, lens, lens_value, left_value, right_value,
        0.01 as tolerance, true as is_configured, false as is_share
    from {{ ref('int_money__roll_forward') }}

    union all

    select
        month_start, 'grains_agree' as check_key, lens, lens_value, left_value, right_value,
        0.01 as tolerance, true as is_configured, false as is_share
    from {{ ref('int_money__grains_agree') }}

    union all

    select
        totals.month_start,
        'control_total' as check_key,
        -- totals of one month and cut may differ in metric only: ARR goes by the lens alone
        totals.lens || case when totals.metric = 'arr' then '' else ' ' || totals.metric end as lens,
        totals.lens_value,
        totals.left_value,
        totals.right_value,
        case when totals.metric = 'paying_accounts' then 0 else 0.01 end as tolerance,
        totals.metric <> 'recurring_revenue' or state.has_gl as is_configured,
        false as is_share
    from {{ ref('int_money__control_totals') }} as totals
    cross join {{ ref('stg_finance__state') }} as state

    union all

    -- without any control total every month says so
    select
        months.month_start, 'control_total' as check_key, 'company' as lens, 'all' as lens_value,
        null as left_value, null as right_value, 0.01 as tolerance, false as is_configured,
        false as is_share
    from {{ ref('int_calendar__money_months') }} as months
    where months.is_complete
        and not exists (select 1 from {{ ref('stg_finance__control_totals') }})

    union all

    -- a share of the larger side
    select
        figures.month_start, figures.check_key, figures.lens, figures.lens_value, figures.left_value,
        figures.right_value,
        greatest(abs(figures.left_value), abs(figures.right_value)) * cast(
            case
                when figures.lens = 'company' then settings.tie_out_tolerance_company
                else settings.tie_out_tolerance_product_line
            end as decimal(9, 8)
        ) as tolerance,
        figures.is_configured,
        true as is_share
    from {{ ref('int_money__tie_out_figures') }} as figures
    cross join {{ ref('stg_company__settings') }} as settings
),

explanations as (
    select
        month_start,
        check_key,
        lens,
        lens_value,
        sum(amount) as explained
    from {{ ref('int_money__tie_out_causes') }}
    where is_explained
    group by month_start, check_key, lens, lens_value
),

differences as (
    select
        checked.month_start,
        checked.check_key,
        checked.lens,
        checked.lens_value,
        cast(checked.left_value as decimal(18, 2)) as left_value,
        cast(checked.right_value as decimal(18, 2)) as right_value,
        cast(checked.left_value - checked.right_value as decimal(18, 2)) as difference,
        coalesce(explanations.explained, 0) as explained,
        cast(coalesce(checked.tolerance, 0) as decimal(18, 2)) as tolerance,
        checked.is_configured,
        checked.is_share,
        checked.is_share or has_money.month_start is not null as has_data
    from checked
    left join has_money
        on checked.month_start = has_money.month_start
    left join explanations
        on checked.month_start = explanations.month_start
            and checked.check_key = explanations.check_key
            and checked.lens = explanations.lens
            and checked.lens_value = explanations.lens_value
)

select
    month_start,
    check_key,
    lens,
    lens_value,
    left_value,
    right_value,
    difference,
    cast(explained as decimal(18, 2)) as explained,
    cast(difference - explained as decimal(18, 2)) as unexplained,
    tolerance,
    case
        when not coalesce(is_configured, false) then 'not_configured'
        when difference is null or not has_data then 'no_data'
        when abs(difference - explained) <= tolerance then 'ok'
        when is_share and abs(difference - explained) <= 2 * tolerance then 'warn'
        else 'fail'
    end as status
from differences
