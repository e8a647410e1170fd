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

    union all

    -- the statuses say since when finance hands over invoices and the ledger
    select
        checks.check_key,
        exists (
            select 1 from {{ ref('tie_out') }} as lines
            where lines.check_key = checks.check_key and lines.status <> 'not_configured'
        ) as is_configured
    from (select 'arr_to_billing' as check_key union all select 'mrr_to_gl' as check_key) as checks
),

-- The difference is judged again, so that a wrong status cannot hide a wrong sum. A month in which a company had no
-- money at all agrees with itself without proof, as long as other months give it; a control total without money does not.
judged as (
    select
        *,
        check_key in ('arr_to_billing', 'mrr_to_gl') as is_share,
        case
            when unexplained is null or status in ('no_data', 'not_configured') then status
            when abs(unexplained) <= tolerance then 'ok'
            when check_key in ('arr_to_billing', 'mrr_to_gl') and abs(unexplained) <= 2 * tolerance then 'warn'
            else 'fail'
        end as status_due
    from {{ ref('tie_out') }}
    where status <> 'not_configured'
        and not (
            status = 'no_data'
            and check_key in ('roll_forward', 'grains_agree')
            and coalesce(left_value, 0) = 0
            and coalesce(right_value, 0) = 0
        )
),

months as (
    select
        check_key,
        month_start,
        count(*) as lines,
        sum(case when status = 'no_data' then 1 else 0 end) as lines_without_data,
        sum(case when status = 'fail' or status_due = 'fail' then 1 else 0 end) as lines_off,
        sum(case when status = 'warn' or status_due = 'warn' then 1 else 0 end) as lines_warned,
        cast(max(abs(unexplained)) as double) as largest_unexplained
    from judged
    group by check_key, month_start
),

-- the largest of what does not tie out, in words
ranked as (
    select
        check_key,
        month_start,
        lens || ' ' || lens_value || ' by ' || unexplained as line,
        row_number() over (
            partition by check_key, month_start order by abs(unexplained) desc, lens, lens_value
        ) as place
    from judged
    where is_share and status in ('warn', 'fail')
),

largest as (
    select
        check_key,
        month_start,
        string_agg(line, ', ' order by place) as lines
    from ranked
    where place <= 3
    group by check_key, month_start
)

select
    due.check_key || coalesce(' ' || cast(months.month_start as varchar), '')
    || coalesce(': ' || largest.lines, '') as subject,
    due.check_key,
    due.is_configured,
    coalesce(months.lines > 0 and months.lines_without_data = 0, false) as has_data,
    months.month_start,
    months.lines,
    months.largest_unexplained,
    cast(months.lines_off as bigint) as lines_off,
    cast(months.lines_warned as bigint) as lines_warned
from due
left join months
    on due.check_key = months.check_key
left join largest
    on months.check_key = largest.check_key
        and months.month_start = largest.month_start
