-- One row per tie-out check and month: how many lines of marts.tie_out were judged and how many do not tie out.
-- Every check has at least one row, so that lines that are not there are seen as missing and never as a pass.
with due as (
    select
        'roll_forward' as check_key,
        mode <> 'none' as is_configured
    from {{ ref('stg_finance__state') }}

    union all

    select
        'grains_agree' as check_key,
        mode <> 'none' as is_configured
    from {{ ref('stg_finance__state') }}

    union all

    select
        'control_total' as check_key,
        mode <> 'none' and has_control_totals as is_configured
    from {{ ref('stg_finance__state') }}
),

-- The difference is judged again, so that a wrong status cannot hide a wrong sum. A month in which a company had no
-- money at all agrees with itself without proof, as long as other months give it; a control total without money does not.
months as (
    select
        check_key,
        month_start,
        count(*) as lines,
        sum(case when status = 'no_data' then 1 else 0 end) as lines_without_data,
        sum(case when status = 'fail' or abs(unexplained) > tolerance then 1 else 0 end) as lines_off,
        cast(max(abs(unexplained)) as double) as largest_unexplained
    from {{ ref('tie_out') }}
    where status <> 'not_configured'
        and not (
            status = 'no_data'
            and check_key in ('roll_forward', 'grains_agree')
            and coalesce(left_value, 0) = 0
            and coalesce(right_value, 0) = 0
        )
    group by check_key, month_start
)

select
    due.check_key || coalesce(' ' || cast(months.month_start as varchar), '') as subject,
    due.check_key,
    due.is_configured,
    coalesce(months.lines > 0 and months.lines_without_data = 0, false) as has_data,
    months.month_start,
    months.lines,
    months.largest_unexplained,
    cast(months.lines_off as bigint) as lines_off
from due
left join months on due.check_key = months.check_key
